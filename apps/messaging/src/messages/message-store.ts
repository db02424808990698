import type { EntityManager } from 'typeorm';
import type { Message } from './message';

/** Property and column of everything but the primary key. */
const columns = [
  ['requestId', 'request_id'],
  ['attempt', 'attempt'],
  ['retryOf', 'retry_of'],
  ['binding', 'binding'],
  ['study', 'study'],
  ['participantId', 'participant_id'],
  ['purpose', 'purpose'],
  ['channel', 'channel'],
  ['template', 'template'],
  ['cause', 'cause'],
  ['released', 'released'],
  ['correlationId', 'correlation_id'],
  ['runId', 'run_id'],
  ['due', 'due'],
  ['data', 'data'],
  ['notBefore', 'not_before'],
  ['expiresAt', 'expires_at'],
  ['waitsFor', 'waits_for'],
  ['state', 'state'],
  ['reason', 'reason'],
  ['lookAt', 'look_at'],
  ['sender', 'sender'],
  ['language', 'language'],
  ['letter', 'letter'],
  ['toPrint', 'to_print'],
  ['bodyPrint', 'body_print'],
  ['encoding', 'encoding'],
  ['segments', 'segments'],
  ['effectNo', 'effect_no'],
  ['plannedAt', 'planned_at'],
  ['dispatchedAt', 'dispatched_at'],
  ['realDispatchedAt', 'real_dispatched_at'],
  ['sid', 'sid'],
  ['providerStatus', 'provider_status'],
  ['errorCode', 'error_code'],
  ['price', 'price'],
  ['providerCreatedAt', 'provider_created_at'],
  ['providerUpdatedAt', 'provider_updated_at'],
  ['acceptedAt', 'accepted_at'],
  ['settledAt', 'settled_at'],
  ['checks', 'checks'],
  ['checkAt', 'check_at'],
  ['attention', 'attention'],
  ['said', 'said'],
] as const satisfies readonly (readonly [keyof Message, string])[];

const asJson = new Set<keyof Message>(['due', 'data', 'letter', 'said']);
const selectList = ['id', ...columns.map(([property, column]) => `${column} AS "${property}"`)].join(', ');
const columnOf = new Map<string, string>(columns);

function stored(message: Message, property: keyof Message): unknown {
  const value = message[property];
  return asJson.has(property) && value !== null ? JSON.stringify(value) : value;
}

/** Inserts; false when the request's attempt is there already. */
export async function insertMessage(em: EntityManager, message: Message): Promise<boolean> {
  const rows: unknown[] = await em.query(
    `INSERT INTO message (id, ${columns.map(([, column]) => column).join(', ')})
     VALUES ($1, ${columns.map((_, index) => `$${index + 2}`).join(', ')})
     ON CONFLICT (request_id, attempt) DO NOTHING RETURNING id`,
    [message.id, ...columns.map(([property]) => stored(message, property))],
  );
  return rows.length > 0;
}

/** Saves what changed, all of it or the named properties. Whoever calls has the row locked. */
export async function saveMessage(
  em: EntityManager,
  message: Message,
  properties: readonly Exclude<keyof Message, 'id'>[] = columns.map(([property]) => property),
): Promise<void> {
  const sets = properties.map((property, index) => `${columnOf.get(property) ?? property} = $${index + 2}`);
  await em.query(`UPDATE message SET ${sets.join(', ')} WHERE id = $1`, [
    message.id,
    ...properties.map((property) => stored(message, property)),
  ]);
}

/** The messages that a condition selects, `FOR UPDATE` where it says so. */
export async function readMessages(em: EntityManager, rest: string, parameters: unknown[]): Promise<Message[]> {
  return em.query(`SELECT ${selectList} FROM message ${rest}`, parameters);
}

/** One message, locked until the transaction ends. */
export async function lockMessage(em: EntityManager, id: string): Promise<Message | null> {
  return (await readMessages(em, 'WHERE id = $1 FOR UPDATE', [id]))[0] ?? null;
}

/** The latest attempt of a request. */
export async function readRequest(em: EntityManager, requestId: string): Promise<Message | null> {
  return (await readMessages(em, 'WHERE request_id = $1 ORDER BY attempt DESC LIMIT 1', [requestId]))[0] ?? null;
}
