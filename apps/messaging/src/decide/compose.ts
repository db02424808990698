import { StudybridgeError, type ReasonCode, type Row } from '@studybridge/contracts';
import type { MessageLanguage, MessageTemplate } from '@studybridge/studies';
import { parsePhoneNumberFromString } from 'libphonenumber-js';
import type { Letter, Message } from '../messages/message';
import { openData } from '../messages/message-data';
import type { Place, Room } from '../room';

/** A letter ready to go, or the reason why there is none. */
export type Composed = { letter: Letter; language: MessageLanguage } | { reason: ReasonCode };

/**
 * To whom and what, with the number and language of this moment. `person` is null for a message without participant; its data
 * then names `to` and `language`.
 */
export function compose(room: Room, place: Place, message: Message, person: readonly Row[] | null): Composed {
  const data = openData(room.context, message);
  const reached =
    person === null
      ? { to: data['to'] ?? null, language: languageOf(data['language']) }
      : reachOf(place, message, person);
  if ('reason' in reached) return reached;
  const { to, language } = reached;
  if (to === null) return { reason: message.channel === 'sms' ? 'PHONE_MISSING' : 'EMAIL_MISSING' };
  if (message.channel === 'sms' && !isE164(to)) return { reason: 'PHONE_INVALID' };
  if (message.channel === 'email' && !/^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;"]+$/.test(to))
    return { reason: 'EMAIL_INVALID' };
  if (language === null) return { reason: 'LANGUAGE_MISSING' };
  const template = templateOf(room, place, message);
  if (template === null || isIncomplete(template, data)) return { reason: 'TEMPLATE_DATA_MISSING' };
  // What a template may leave out is an empty text, never the word undefined.
  const filled = { ...Object.fromEntries((template.optional ?? []).map((field) => [field, ''])), ...data };
  const subject = template.subject?.[language](filled) ?? null;
  return { letter: { to, subject, body: template.body[language](filled) }, language };
}

/** The template that a message names; null when there is none of this channel. */
function templateOf(room: Room, place: Place, message: Pick<Message, 'template' | 'channel'>): MessageTemplate | null {
  const template = place.messaging.templates[message.template] ?? room.ownTemplates.get(message.template);
  return template?.channel === message.channel ? template : null;
}

function reachOf(
  place: Place,
  message: Message,
  person: readonly Row[],
): { to: string | null; language: MessageLanguage | null } | { reason: ReasonCode } {
  try {
    const { messaging } = place;
    const to = message.channel === 'sms' ? messaging.mobile(person) : messaging.email(person);
    return { to, language: messaging.language(person) };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

/** The reason code of what a study's own reading threw; anything but a participant's error is thrown on. */
export function reasonOf(error: unknown): ReasonCode {
  if (error instanceof StudybridgeError && error.errorClass === 'participant') return error.code as ReasonCode;
  throw error;
}

/** Written as E.164, and a number that somebody can have. */
function isE164(to: string): boolean {
  const phone = parsePhoneNumberFromString(to);
  return phone?.number === to && phone.isValid();
}

function isIncomplete(template: MessageTemplate, data: Record<string, string>): boolean {
  const optional = new Set<string>(template.optional ?? []);
  return Object.keys(template.longest).some((field) => !optional.has(field) && (data[field] ?? '').trim() === '');
}

function languageOf(text: string | undefined): MessageLanguage | null {
  return text === 'en' || text === 'es' ? text : null;
}
