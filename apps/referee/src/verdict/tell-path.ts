import { command } from '../system/ask-service';
import type { System } from '../system/start-system';

interface Trace {
  said: {
    topic: string;
    seq: string;
    cause: string;
    occurredAt: string;
    publishedAt: string | null;
    correlationId: string;
  }[];
  heard: { topic: string; seq: string; receivedAt: string; doneAt: string | null }[];
}

/**
 * Everything the services know of one record's way: which poll saw it, what was said under which number, who heard it when, what
 * was asked of the partner, what was written back. No values, so it can be shown.
 */
export async function tellPath(system: System, record: string): Promise<string[]> {
  const gateway = system.databaseOf('redcap-gateway');
  const people = await system.ground.ask<{ id: string; presence: string; incarnation: number }>(
    gateway,
    'SELECT id, presence, incarnation FROM participant WHERE record_id = $1 ORDER BY incarnation',
    [record],
  );
  if (people.length === 0) return ['redcap-gateway has never seen this record'];
  const lines: string[] = [];
  for (const { id, presence, incarnation } of people) {
    lines.push(`participant ${id} (${presence}, incarnation ${incarnation})`);
    for (const service of system.services)
      lines.push(...(await pathIn(system, service, id)).map((line) => `  ${line}`));
    const cells = await system.ground.ask<{
      field: string;
      state: string;
      reason: string | null;
      version: number;
      attempts: number;
    }>(
      gateway,
      'SELECT field, state, reason, version, attempts FROM desired_cell WHERE participant_id = $1 ORDER BY field',
      [id],
    );
    for (const cell of cells) {
      lines.push(
        `  cell ${cell.field}: ${cell.state}${cell.reason ? ` (${cell.reason})` : ''}, version ${cell.version}, attempts ${cell.attempts}`,
      );
    }
    const batches = await system.ground.ask<{ state: string; startedAt: string; epoch: string }>(
      gateway,
      `SELECT state, started_at AS "startedAt", epoch FROM write_batch WHERE cells @> $1::jsonb ORDER BY started_at`,
      [JSON.stringify([{ participantId: id }])],
    );
    for (const { state, startedAt, epoch } of batches)
      lines.push(`  import ${instant(startedAt)}: ${state}, epoch ${epoch}`);
  }
  return lines;
}

async function pathIn(system: System, service: string, key: string): Promise<string[]> {
  const replica = system.of(service).find((one) => one.state === 'up');
  if (replica === undefined) return [`${service}: nobody answers`];
  const trace = await command<Trace>(replica.url, system.opsToken, 'bus.trace', { key });
  const lines = [
    ...trace.heard.map(
      ({ topic, seq, receivedAt, doneAt }) =>
        `${service} heard ${topic} #${seq} at ${instant(receivedAt)}, ${doneAt === null ? 'not worked' : `worked ${instant(doneAt)}`}`,
    ),
    ...trace.said.map(
      ({ topic, seq, cause, occurredAt, publishedAt, correlationId }) =>
        `${service} said ${topic} #${seq} (${cause}, study time ${occurredAt}, run or cause ${correlationId.slice(0, 8)}), ${publishedAt === null ? 'not published' : `published ${instant(publishedAt)}`}`,
    ),
  ];
  const known = await fetch(`${replica.url}/ops`, { headers: { authorization: `Bearer ${system.opsToken}` } });
  if (!(await known.text()).includes('effects.list')) return lines;
  for (const state of ['planned', 'attempting', 'answered', 'done', 'refused', 'in-doubt', 'expired', 'cancelled']) {
    const effects = await command<
      { key: string; attempts: number; code: string | null; attemptedAt: string | null; settledAt: string | null }[]
    >(replica.url, system.opsToken, 'effects.list', { participantId: key, state });
    for (const effect of effects) {
      lines.push(
        `${service} effect ${effect.key.replace(key, '…')}: ${state}${effect.code ? ` (${effect.code})` : ''}, ${effect.attempts} calls, last ${instant(effect.attemptedAt)}, settled ${instant(effect.settledAt)}`,
      );
    }
  }
  return lines;
}

function instant(at: string | Date | null): string {
  return at === null ? '–' : new Date(at).toISOString();
}
