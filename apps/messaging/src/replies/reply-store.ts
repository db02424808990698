import type { Sealed } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import { printOf } from '../messages/prints';
import type { Place, Room } from '../room';
import type { ReplyKind } from './classify-reply';

/** Why a reply got no automatic answer, or `sent`: it was asked for. */
export type ReplyAnswer =
  | 'sent'
  | 'keyword'
  | 'machine'
  | 'unknown-phone'
  | 'short-code'
  | 'own-number'
  | 'too-late'
  | 'answered-today'
  | 'asked-to-stop'
  | 'other-sender'
  | 'off';

/** How staff handled a reply: the wish to stop is kept or lifted, or the reply was only read. */
export type ReplyDecision = 'stop' | 'continue' | 'noted';

/** One text that came in. Instants are study time. */
export interface Reply {
  sid: string;
  binding: string;
  study: string;
  sender: string;
  fromPrint: string;
  /** Opens (context `reply:<sid>`) to {@link ReplyText}. */
  sealed: Sealed;
  bodyPrint: string;
  media: number;
  source: 'poll' | 'webhook';
  sentAt: Date;
  heardAt: Date;
  kind: ReplyKind | 'unknown-phone' | null;
  /** Whose number it is; two families may share a phone. */
  participantIds: string[];
  answer: ReplyAnswer | null;
  state: 'new' | 'open' | 'closed';
}

/** What identifies somebody in a reply. Lives in memory or sealed. */
export interface ReplyText {
  from: string;
  body: string;
}

const selectList = `sid, binding, study, sender, from_print AS "fromPrint", sealed, body_print AS "bodyPrint", media, source,
  sent_at AS "sentAt", heard_at AS "heardAt", kind, participant_ids AS "participantIds", answer, state`;

/** Keeps a text before anything is done about it; false when it is known. */
export async function keepReply(
  em: EntityManager,
  room: Room,
  place: Place,
  reply: ReplyText & { sid: string; sender: string; media: number; source: Reply['source']; sentAt: Date },
): Promise<boolean> {
  const { sealer, clock } = room.context;
  const study = place.study.id;
  const rows: unknown[] = await em.query(
    `INSERT INTO reply (sid, binding, study, sender, from_print, sealed, body_print, media, source, sent_at, heard_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING sid`,
    [
      reply.sid,
      place.binding.id,
      study,
      reply.sender,
      printOf(room.context, study, 'sms', reply.from),
      JSON.stringify(sealer.seal(study, replyContext(reply.sid), { from: reply.from, body: reply.body })),
      sealer.fingerprint(study, 'text', reply.body),
      reply.media,
      reply.source,
      reply.sentAt,
      clock.now(),
    ],
  );
  return rows.length > 0;
}

const replyContext = (sid: string): string => `reply:${sid}`;

/** Number and text of a reply. */
export function openReply(room: Room, reply: Pick<Reply, 'sid' | 'study' | 'sealed'>): ReplyText {
  return room.context.sealer.open<ReplyText>(reply.study, replyContext(reply.sid), reply.sealed);
}

/** The replies that a condition selects. */
export async function readReplies(em: EntityManager, rest: string, parameters: unknown[]): Promise<Reply[]> {
  return em.query(`SELECT ${selectList} FROM reply ${rest}`, parameters);
}

/** What was made of a reply. */
export async function saveReply(em: EntityManager, reply: Reply): Promise<void> {
  await em.query('UPDATE reply SET kind = $2, participant_ids = $3, answer = $4, state = $5 WHERE sid = $1', [
    reply.sid,
    reply.kind,
    reply.participantIds,
    reply.answer,
    reply.state,
  ]);
}
