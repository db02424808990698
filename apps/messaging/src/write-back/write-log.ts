import { writeRequested, type Cause, type Envelope, type Row, type WriteSettled } from '@studybridge/contracts';
import { openPerson, sealCellValue } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { Letter, Message } from '../messages/message';
import { readParticipant, type Participant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import { letterContext } from '../send/letter-context';
import { logValues, wallTime, type LogValues } from './log-values';

/** The other shape of the log, or the next free instance, is tried this often. */
const mostTurns = 5;

interface LogWrite {
  requestId: string;
  participantId: string;
  binding: string;
  study: string;
  event: string;
  instance: number;
  dispatchedAt: Date;
  turns: number;
}

const logContext = (requestId: string): string => `log:${requestId}`;

/**
 * Asks for a message's row in the study's SMS log once it has come to an end, and again when that end changes. Nothing waits for
 * it. Called in the transaction that settles the message.
 */
export async function logMessage(em: EntityManager, room: Room, message: Message): Promise<void> {
  const place = room.places.get(message.binding);
  const log = place?.messaging.log;
  const where = message.due?.log;
  if (!place || !log || !where || message.participantId === null || message.channel !== 'sms') return;
  if (message.dispatchedAt === null || message.letter === null) return;
  const letter = room.context.sealer.open<Letter>(message.study, letterContext(message.id), message.letter);
  const values = logValues(message, letter, place.study.zone);
  const participant = await readParticipant(em, message.participantId);
  if (values === null || participant?.presence !== 'present') return;
  const instance = (await repeats(em, place, where.event)) ? Math.max(1, where.instance) : 0;
  const before = await readWrite(em, message.requestId);
  // The event's one row tells of the latest message.
  if (instance === 0 && (await isOlder(em, message, where.event))) return;
  const write: LogWrite = {
    requestId: message.requestId,
    participantId: message.participantId,
    binding: message.binding,
    study: message.study,
    event: where.event,
    instance: before?.instance ?? instance,
    dispatchedAt: message.dispatchedAt,
    turns: before?.turns ?? 0,
  };
  await em.query(
    `INSERT INTO log_write (request_id, participant_id, binding, study, event, instance, dispatched_at, sealed, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'asked')
     ON CONFLICT (request_id) DO UPDATE SET dispatched_at = excluded.dispatched_at, sealed = excluded.sealed,
        state = 'asked', reason = NULL`,
    [
      write.requestId,
      write.participantId,
      write.binding,
      write.study,
      write.event,
      write.instance,
      write.dispatchedAt,
      JSON.stringify(room.context.sealer.seal(write.study, logContext(write.requestId), values)),
    ],
  );
  await ask(em, room, place, participant, write, values, message);
}

/** The gateway wrote, or refused: where the live project has the log in another shape than the study folder, that is taken over. */
export async function hearLogSettled(em: EntityManager, room: Room, envelope: Envelope<WriteSettled>): Promise<void> {
  const { participantId, owner, cells } = envelope.payload;
  const place = room.places.get(envelope.binding);
  const log = place?.messaging.log;
  if (owner !== room.context.name || !place || !log) return;
  const own = cells.filter(({ instrument }) => instrument === log.instrument);
  const first = own[0];
  if (!first) return;
  const write = await writeAt(em, participantId, first.event, first.instance);
  if (!write) return;
  const refused = own.find(({ outcome }) => outcome === 'refused');
  await em.query('UPDATE log_write SET state = $2, reason = $3 WHERE request_id = $1', [
    write.requestId,
    refused ? 'refused' : 'written',
    refused?.reason ?? null,
  ]);
  if (!refused || write.turns >= mostTurns) return;
  const due = await dueInstance(em, write.requestId);
  let instance: number;
  if (refused.reason === 'NOT_DESIGNATED' && write.turns === 0) {
    instance = first.instance === 0 ? Math.max(1, due) : 0;
    await em.query(
      `INSERT INTO log_shape (binding, event, repeats) VALUES ($1, $2, $3)
       ON CONFLICT (binding, event) DO UPDATE SET repeats = excluded.repeats`,
      [write.binding, write.event, instance > 0],
    );
  } else if (refused.reason === 'INSTANCE_TAKEN') {
    instance = first.instance + 1;
  } else return;
  const participant = await readParticipant(em, participantId);
  if (participant?.presence !== 'present') return;
  const [row]: { sealed: Parameters<typeof room.context.sealer.open>[2] }[] = await em
    .query(
      `UPDATE log_write SET instance = $2, turns = turns + 1, state = 'asked', reason = NULL WHERE request_id = $1 RETURNING sealed`,
      [write.requestId, instance],
    )
    .then(([rows]: [{ sealed: Parameters<typeof room.context.sealer.open>[2] }[], number]) => rows);
  if (!row) return;
  const values = room.context.sealer.open<LogValues>(write.study, logContext(write.requestId), row.sealed);
  await ask(em, room, place, participant, { ...write, instance }, values, envelope);
}

/** Whether the log has an instance per message in an event: the live project's word, else the study folder's. */
async function repeats(em: EntityManager, place: Place, event: string): Promise<boolean> {
  const [learned]: { repeats: boolean }[] = await em.query(
    'SELECT repeats FROM log_shape WHERE binding = $1 AND event = $2',
    [place.binding.id, event],
  );
  if (learned) return learned.repeats;
  const instrument = place.messaging.log?.instrument;
  return place.study.projects.main.repeating.some(
    (row) => row.event === event && (row.instrument === instrument || row.instrument === ''),
  );
}

async function ask(
  em: EntityManager,
  room: Room,
  place: Place,
  participant: Participant,
  write: LogWrite,
  values: LogValues,
  from: { cause: Cause; correlationId: string },
): Promise<void> {
  const log = place.messaging.log!;
  const { event, instance } = write;
  const rows = openPerson(room.context.sealer, participant);
  const held = rows.find(
    (row) => row.event === event && row.instrument === log.instrument && row.instance === instance,
  );
  const wanted = Object.entries(values).map(([meaning, value]) => ({
    field: log.fields[meaning as keyof LogValues],
    value,
  }));
  // A timestamp moves only with another cell (studies.md §1.3).
  if (!held || differs(held, wanted)) {
    wanted.push({ field: log.fields.lastTimestamp, value: wallTime(place.study.zone, room.context.clock.now()) });
  }
  const { identifyingFields } = place.study.projects.main;
  const cells = wanted.map(({ field, value }) => {
    const at = { event, instrument: log.instrument, instance, field };
    const owner = { ...at, study: write.study, participantId: write.participantId };
    // A number and a personal link identify (law 9); a blank does not.
    const carried = (text: string) =>
      text === '' || !identifyingFields.has(field) ? text : sealCellValue(room.context.sealer, owner, text);
    return { ...at, value: carried(value), basedOn: carried(held?.values[field] ?? '') };
  });
  await room.bus.publish(
    em,
    writeRequested,
    { participantId: write.participantId, project: place.messaging.project, owner: room.context.name, cells },
    { binding: write.binding, study: write.study, cause: from.cause, correlationId: from.correlationId },
  );
}

function differs(held: Row, cells: readonly { field: string; value: string }[]): boolean {
  return cells.some(({ field, value }) => (held.values[field] ?? '') !== value);
}

const selectList = `request_id AS "requestId", participant_id AS "participantId", binding, study, event, instance,
  dispatched_at AS "dispatchedAt", turns`;

async function readWrite(em: EntityManager, requestId: string): Promise<LogWrite | null> {
  const rows: LogWrite[] = await em.query(`SELECT ${selectList} FROM log_write WHERE request_id = $1`, [requestId]);
  return rows[0] ?? null;
}

/** The write that a place in REDCap was last asked for. */
async function writeAt(
  em: EntityManager,
  participantId: string,
  event: string,
  instance: number,
): Promise<LogWrite | null> {
  const rows: LogWrite[] = await em.query(
    `SELECT ${selectList} FROM log_write WHERE participant_id = $1 AND event = $2 AND instance = $3
      ORDER BY dispatched_at DESC LIMIT 1 FOR UPDATE`,
    [participantId, event, instance],
  );
  return rows[0] ?? null;
}

/** Whether a later message of the same row was logged already. */
async function isOlder(em: EntityManager, message: Message, event: string): Promise<boolean> {
  const rows: unknown[] = await em.query(
    `SELECT 1 FROM log_write WHERE participant_id = $1 AND event = $2 AND request_id <> $3 AND dispatched_at > $4 LIMIT 1`,
    [message.participantId, event, message.requestId, message.dispatchedAt],
  );
  return rows.length > 0;
}

async function dueInstance(em: EntityManager, requestId: string): Promise<number> {
  const [row]: { instance: number | null }[] = await em.query(
    `SELECT (due->'log'->>'instance')::int AS instance FROM message WHERE request_id = $1 ORDER BY attempt LIMIT 1`,
    [requestId],
  );
  return row?.instance ?? 1;
}
