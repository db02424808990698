import { differencesChanged } from '@studybridge/contracts';
import type { JobRun } from '@studybridge/service-kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { FoundMember } from '../partner/partner-client';
import { lockParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import { compareSides } from './compare-sides';
import type { Difference } from './difference';
import { listDifferences, saveDifferences } from './difference-store';
import { readSides } from './read-sides';

/** The name of the nightly job. */
export const compareJob = 'agile-compare';

const batch = 100;

/**
 * Compares REDCap, the partner and what was last agreed for every participant of a binding, and stores and says how they
 * differ; changes nothing else. Counts by kind; the run's log holds a line per kind and cause.
 */
export async function compareBinding(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const { dataSource } = room.context;
  const binding = place.binding.id;
  const members = new Map<string, FoundMember[]>();
  const strangers: string[] = [];
  const ids: { id: string }[] = await dataSource.query(
    'SELECT participant_id AS id FROM participant WHERE binding = $1 ORDER BY participant_id',
    [binding],
  );
  const known = new Set(ids.map(({ id }) => id));
  let atPartner = 0;
  for await (const page of place.client.everybody(run.signal)) {
    for (const member of page) {
      atPartner += 1;
      const read = z.uuid().safeParse(member.externalId);
      const id = read.success ? read.data.toLowerCase() : '';
      if (known.has(id)) members.set(id, [...(members.get(id) ?? []), member]);
      else strangers.push(member.memberId);
    }
  }
  const before = new Map<string, string>();
  const stored = await listDifferences(dataSource, { binding });
  for (const { id } of ids) before.set(id, told(stored.filter((one) => one.participantId === id)));
  const tally = new Map<string, number>();
  const counts: Record<string, number> = { participants: ids.length, members: atPartner, strangers: strangers.length };
  for (let from = 0; from < ids.length; from += batch) {
    run.signal.throwIfAborted();
    const part = ids.slice(from, from + batch);
    // Looked at without locks; only what changed is looked at again under them.
    const changed: string[] = [];
    for (const { id } of part) {
      const sides = await readSides(dataSource.manager, room, place, id, members.get(id) ?? []);
      const differences = sides === null ? [] : compareSides(place, sides);
      for (const { kind, cause } of differences) {
        counts[kind] = (counts[kind] ?? 0) + 1;
        tally.set(`${kind} ${cause}`, (tally.get(`${kind} ${cause}`) ?? 0) + 1);
      }
      if (told(differences) !== before.get(id)) changed.push(id);
    }
    if (run.dryRun || changed.length === 0) continue;
    await dataSource.transaction(async (em) => {
      for (const id of changed) await lockParticipant(em, id);
      await run.lease.assert(em);
      for (const id of changed) {
        const sides = await readSides(em, room, place, id, members.get(id) ?? []);
        if (sides === null) continue;
        const differences = compareSides(place, sides);
        await saveDifferences(em, binding, id, differences, run.startedAt);
        await room.bus.publish(
          em,
          differencesChanged,
          { participantId: id, asOf: run.startedAt.toISOString(), differences },
          { binding, study: place.study.id, cause: 'reconcile', correlationId: randomUUID() },
        );
      }
    });
  }
  for (const [what, n] of [...tally].sort()) run.log(`${what}: ${n}`);
  if (strangers.length > 0) run.log(`at the partner, and nobody of ours: ${strangers.length}`);
  if (!run.dryRun) await keepStrangers(room, binding, strangers, run);
  return counts;
}

async function keepStrangers(room: Room, binding: string, memberIds: string[], run: JobRun): Promise<void> {
  await room.context.dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    await em.query('DELETE FROM stranger WHERE binding = $1 AND member_id <> ALL($2::text[])', [binding, memberIds]);
    await em.query(
      `INSERT INTO stranger (binding, member_id, since) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING`,
      [binding, memberIds, run.startedAt],
    );
    await em.query('UPDATE difference SET seen_at = $2 WHERE binding = $1', [binding, run.startedAt]);
  });
}

/** Differences as one text, for telling whether they changed. */
function told(differences: readonly Difference[]): string {
  return differences
    .map(({ kind, cause, fields }) => `${kind} ${cause} ${fields.join()}`)
    .sort()
    .join(' | ');
}
