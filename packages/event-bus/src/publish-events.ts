import { randomUUID } from 'node:crypto';
import { type Cause, type EventDefinition, StudybridgeError } from '@studybridge/contracts';
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

/**
 * The counter rows are the lock of their keys until the transaction ends, so within a key the order of `seq` is the order of
 * commits, and `position` rises with it. Keys are taken in order, so two bulk writers cannot wait for each other.
 */
const insert = `
  WITH item AS (
    SELECT * FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[])
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
    SELECT $1, key, seq, id, $6, correlation_id, envelope FROM numbered ORDER BY ordinal`;

/**
 * Writes events to the outbox inside the caller's transaction, each with the next `seq` of its key. The stored envelope
 * lacks `seq`, which only the database knows; {@link envelopeOf} adds it. Throws INVALID_EVENT (bug) on a payload that its
 * own schema refuses.
 */
export async function publishEvents<P>(
  em: EntityManager,
  event: EventDefinition<P>,
  items: readonly { payload: P; meta: EventMeta }[],
  now: () => Date,
): Promise<void> {
  for (let from = 0; from < items.length; from += chunk) {
    const part = items.slice(from, from + chunk).map(({ payload, meta }) => {
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
    });
    await em.query(insert, [
      event.topic,
      part.map((row) => row.key),
      part.map((row) => row.id),
      part.map((row) => row.correlationId),
      part.map((row) => row.envelope),
      event.version,
    ]);
  }
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
