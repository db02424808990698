import { randomUUID } from 'node:crypto';
import type { Cause } from '@studybridge/contracts';
import type { DueMessage } from '@studybridge/studies';
import type { EntityManager } from 'typeorm';
import { lookAtMessage } from '../decide/look-at-message';
import { lockParticipant } from '../participants/participant-store';
import { mayBeForgotten } from '../restore/restore-steps';
import type { Room } from '../room';
import { blank } from './blank';
import { dataContext } from './message-data';
import type { Message } from './message';
import { insertMessage, lockMessage, readRequest, saveMessage } from './message-store';

/** A message that is wanted. The same `requestId` asked again is the same message. */
export interface MessageRequest {
  /** Permanent, e.g. `ismile.production|<participant>|survey-2m|1`. */
  requestId: string;
  binding: string;
  study: string;
  /** Null: `data` names `to` (E.164 or address) and `language`. */
  participantId: string | null;
  purpose: string;
  channel: Message['channel'];
  template: string;
  /** What the template is filled with; kept sealed. */
  data: Record<string, string>;
  notBefore?: Date | null;
  expiresAt: Date;
  cause: Cause;
  correlationId: string;
  /** Of a campaign: what it said, and the run that said it (for the cap per run). */
  due?: DueMessage;
  runId?: string;
  /** `link`: waits until {@link giveData} brings it. */
  waitsFor?: 'link';
}

/**
 * The way to ask for a message inside this service: kept and decided upon in the caller's transaction; `known` when it was
 * asked for before. What goes out is decided again right before it does.
 */
export async function planMessage(
  em: EntityManager,
  room: Room,
  request: MessageRequest,
): Promise<{ message: Message; known: boolean }> {
  if (request.participantId !== null) await lockParticipant(em, request.participantId);
  const message = messageFor(room, request, randomUUID());
  if (await isUncertain(em, room, request)) message.cause = 'restore';
  if (!(await insertMessage(em, message))) {
    const before = await readRequest(em, request.requestId);
    if (before) return { message: before, known: true };
  }
  await lookAtMessage(em, room, message);
  return { message, known: false };
}

/** Whether a database that was put back may have forgotten that this very message was sent. */
async function isUncertain(em: EntityManager, room: Room, { due }: MessageRequest): Promise<boolean> {
  return !(await room.bus.mayAct(em)) || (due !== undefined && (await mayBeForgotten(em, due.firstDay)));
}

/** The message that a request becomes, not kept yet. */
export function messageFor(room: Room, request: MessageRequest, id: string): Message {
  const { context } = room;
  return {
    ...blank,
    id,
    requestId: request.requestId,
    binding: request.binding,
    study: request.study,
    participantId: request.participantId,
    purpose: request.purpose,
    channel: request.channel,
    template: request.template,
    cause: request.cause,
    correlationId: request.correlationId,
    runId: request.runId ?? null,
    due: request.due ? withoutData(request.due) : null,
    data: context.sealer.seal(request.study, dataContext(request.requestId), request.data),
    notBefore: request.notBefore ?? null,
    expiresAt: request.expiresAt,
    waitsFor: request.waitsFor ?? null,
    plannedAt: context.clock.now(),
  };
}

/** Brings what a message waits for (its link) and decides anew. Nothing happens when it waits for nothing any more. */
export async function giveData(
  em: EntityManager,
  room: Room,
  messageId: string,
  data: Record<string, string>,
): Promise<void> {
  const message = await lockMessage(em, messageId);
  if (message?.waitsFor == null) return;
  const { sealer } = room.context;
  const context = dataContext(message.requestId);
  const before = sealer.open<Record<string, string>>(message.study, context, message.data);
  message.data = sealer.seal(message.study, context, { ...before, ...data });
  message.waitsFor = null;
  await saveMessage(em, message, ['data', 'waitsFor']);
  await lookAtMessage(em, room, message);
}

function withoutData({ data: _data, ...due }: DueMessage): Omit<DueMessage, 'data'> {
  return due;
}
