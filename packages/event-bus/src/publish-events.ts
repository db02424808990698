import { randomUUID } from 'node:crypto';
import { type Cause, type EventDefinition, StudybridgeError } from '@studybridge/contracts';
import { copyRows } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';

/** What goes along with a payload. `occurredAt` is study time, by default now. */
export interface EventMeta {
  binding: string;
  study: string;
  cause: Cause;
  correlationId: string;
  occurredAt?: Date;
}

/** Rows of one statement at most: bounded memory, whatever a caller brings. */
const chunk = 1_000;
/** From so many rows on COPY is worth its second statement. */
const copyFrom = 16;

/**
 * The counter rows are the lock of their keys until the transaction ends, so within a key the order of `seq` is the order of
 * commits, and `position` rises with it. Keys are taken in order, so two bulk writers cannot wait for each other.
 */
const countUp = `
  INSERT INTO bus_counter AS c (topic, key, last_seq)
    SELECT $1, key, n FROM unnest($2::text[], $3::bigint[]) AS t(key, n) ORDER BY key
    ON CONFLICT (topic, key) DO UPDATE SET last_seq = c.last_seq + excluded.last_seq
    RETURNING key, last_seq`;

/** Both in one statement, for a few. JSON, since the text of an array would be quoted here and read again there. */
const insertFew = `
  WITH item AS (
    SELECT * FROM ROWS FROM (json_to_recordset($2::json) AS (key text, id uuid, "correlationId" text, envelope text))
      WITH ORDINALITY AS t(key, id, correlation_id, envelope, ordinal)
  ), counted AS (
    SELECT key, count(*) AS n FROM item GROUP BY key
  ), counter AS (
    INSERT INTO bus_counter AS c (topic, key, last_seq)
      SELECT $1, key, n FROM counted ORDER BY key
      ON CONFLICT (topic, key) DO UPDATE SET last_seq = c.last_seq + excluded.last_seq
      RETURNING key, last_seq
  ), numbered AS (
    SELECT item.*, counter.last_seq - counted.n + row_number() OVER (PARTITION BY item.key ORDER BY ordinal) AS seq
      FROM item JOIN counted USING (key) JOIN counter USING (key)
  )
  INSERT INTO bus_outbox (topic, key, seq, id, version, correlation_id, envelope)
    SELECT $1, key, seq, id, $3, correlation_id, envelope FROM numbered ORDER BY ordinal`;

interface OutboxItem {
  key: string;
  id: string;
  correlationId: string;
  envelope: string;
}

/**
 * Writes events to the outbox inside the caller's transaction, each with the next `seq` of its key. The stored envelope
 * lacks `seq`, which only the database knows; {@link envelopeOf} adds it. Throws INVALID_EVENT (bug) on a payload that its
 * own schema refuses.
 */
export async function publishEvents<P>(
  em: EntityManager,
  event: EventDefinition<P>,
  items: Iterable<{ payload: P; meta: EventMeta }>,
  now: () => Date,
): Promise<void> {
  let part: OutboxItem[] = [];
  for (const item of items) {
    part.push(toOutbox(event, item, now));
    if (part.length < chunk) continue;
    await insert(em, event, part);
    part = [];
  }
  if (part.length > 0) await insert(em, event, part);
}

function toOutbox<P>(
  event: EventDefinition<P>,
  { payload, meta }: { payload: P; meta: EventMeta },
  now: () => Date,
): OutboxItem {
  const checked = event.schema.safeParse(payload);
  if (!checked.success)
    throw invalidEvent(
      event.type,
      checked.error.issues.map((issue) => issue.path.join('.')),
    );
  const key = event.key(checked.data);
  if (key === '') throw invalidEvent(event.type, ['the key']);
  const id = randomUUID();
  const envelope = {
    id,
    type: event.type,
    version: event.version,
    key,
    binding: meta.binding,
    study: meta.study,
    occurredAt: (meta.occurredAt ?? now()).toISOString(),
    correlationId: meta.correlationId,
    cause: meta.cause,
    payload: checked.data,
  };
  return { key, id, correlationId: meta.correlationId, envelope: JSON.stringify(envelope) };
}

async function insert<P>(em: EntityManager, event: EventDefinition<P>, items: readonly OutboxItem[]): Promise<void> {
  const { topic, version } = event;
  if (items.length < copyFrom || !em.queryRunner?.isTransactionActive) {
    await em.query(insertFew, [topic, JSON.stringify(items), version]);
    return;
  }
  const counts = new Map<string, number>();
  for (const { key } of items) counts.set(key, (counts.get(key) ?? 0) + 1);
  const counted: { key: string; last_seq: string }[] = await em.query(countUp, [
    topic,
    [...counts.keys()],
    [...counts.values()],
  ]);
  const next = new Map(counted.map(({ key, last_seq }) => [key, Number(last_seq) - counts.get(key)! + 1]));
  const rows = items.map(({ key, id, correlationId, envelope }) => {
    const seq = next.get(key)!;
    next.set(key, seq + 1);
    return [topic, key, seq, id, version, correlationId, envelope];
  });
  await copyRows(em, 'bus_outbox (topic, key, seq, id, version, correlation_id, envelope)', rows);
}

/** The envelope as it travels, from what the outbox holds. */
export function envelopeOf(row: { seq: string; envelope: string }): string {
  return `{"seq":${row.seq},${row.envelope.slice(1)}`;
}

function invalidEvent(type: string, fields: string[]): StudybridgeError {
  return new StudybridgeError(`An event ${type} does not fit its own schema: ${[...new Set(fields)].join(', ')}.`, {
    code: 'INVALID_EVENT',
    errorClass: 'bug',
    remedy: 'Correct the service that says it.',
  });
}
