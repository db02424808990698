import { randomUUID } from 'node:crypto';
import type { ReasonCode } from '@studybridge/contracts';
import type { MessageLanguage } from '@studybridge/studies';
import type { EntityManager } from 'typeorm';
import { messageFor, type MessageRequest } from '../messages/plan-message';
import { readRequest } from '../messages/message-store';
import type { Room } from '../room';
import { decide } from './decide';
import { readSituation } from './read-situation';

/** What would become of a request now. Nothing of it names a number, an address or a text. */
export interface Preview {
  /** `known`: asked for before, whatever became of it. */
  would: 'send' | 'wait' | 'hold' | 'not' | 'known';
  reason: ReasonCode | null;
  /** Study time at which it would go, or be looked at again. */
  at: Date | null;
  language: MessageLanguage | null;
  encoding: string | null;
  segments: number | null;
  /** US dollars, by the price of a segment in the settings. */
  cost: number | null;
}

/** Decides about a request without asking for it: for dry runs. Changes nothing. */
export async function previewMessage(em: EntityManager, room: Room, request: MessageRequest): Promise<Preview> {
  const nothing: Preview = {
    would: 'not',
    reason: null,
    at: null,
    language: null,
    encoding: null,
    segments: null,
    cost: null,
  };
  const place = room.places.get(request.binding);
  if (!place) return nothing;
  const before = await readRequest(em, request.requestId);
  if (before) return { ...nothing, would: 'known', reason: before.reason };
  const read = await readSituation(em, room, place, messageFor(room, request, randomUUID()));
  const decision = decide(read.situation);
  const { segments, encoding, composed } = read;
  const found = {
    language: 'language' in composed ? composed.language : null,
    encoding,
    segments,
    cost: segments === null ? null : segments * room.context.config.PRICE_PER_SEGMENT,
  };
  switch (decision.go) {
    case 'now':
      return { ...found, would: 'send', reason: null, at: read.situation.now };
    case 'wait':
      return {
        ...found,
        would: decision.state === 'held' ? 'hold' : 'wait',
        reason: decision.reason,
        at: decision.lookAt,
      };
    case 'never':
      return { ...found, would: 'not', reason: decision.reason, at: null };
  }
}

/** One line of a dry run, for the run's record. `who` is the participant's id or record, never a number. */
export function previewLine(who: string, purpose: string, preview: Preview): string {
  const { would, reason, at, language, segments, encoding, cost } = preview;
  const what = [
    would,
    reason,
    at === null ? null : at.toISOString(),
    language,
    segments === null ? null : `${segments} segment${segments === 1 ? '' : 's'} ${encoding ?? ''}`.trim(),
    cost === null ? null : `$${cost.toFixed(4)}`,
  ].filter((part) => part !== null);
  return `${who} ${purpose}: ${what.join(', ')}`;
}
