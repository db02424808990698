import type { Room } from '../room';

/** `GET /status`: the state reached, per study, from the database; `calls` since the process started. Never the arm. */
export async function tellStatus(room: Room): Promise<object> {
  const { dataSource } = room.context;
  const studies: Record<string, object> = {};
  for (const { study } of room.places.values()) {
    studies[study.id] = { consented: 0, enrolled: 0, armAssigned: 0, statusWritten: 0, held: {} };
  }
  const sums: { study: string; consented: number; enrolled: number; armAssigned: number }[] = await dataSource.query(
    `SELECT p.study, count(*)::int AS consented, count(m.member_id)::int AS enrolled, count(m.arm)::int AS "armAssigned"
       FROM participant p LEFT JOIN member m USING (participant_id)
      WHERE p.consented AND p.presence <> 'deleted' GROUP BY p.study`,
  );
  const held: { study: string; reason: string; n: number }[] = await dataSource.query(
    `SELECT study, held AS reason, count(*)::int AS n FROM participant
      WHERE consented AND presence <> 'deleted' AND held IS NOT NULL GROUP BY study, held ORDER BY held`,
  );
  const written = await countWritten(room);
  for (const { study, ...counts } of sums) {
    const reasons = held.filter((one) => one.study === study).map(({ reason, n }) => [reason, n]);
    studies[study] = { ...counts, statusWritten: written[study] ?? 0, held: Object.fromEntries(reasons) };
  }
  const attention: { reason: string; n: number }[] = await dataSource.query(
    // The ledger of effects counts its own.
    `SELECT reason, count(*)::int AS n FROM participant, unnest(attention) AS reason
      WHERE reason <> 'EFFECT_IN_DOUBT' GROUP BY reason ORDER BY reason`,
  );
  return {
    studies,
    calls: { partnerPosts: room.metrics.sent.posts, partnerPuts: room.metrics.sent.puts },
    attention: Object.fromEntries(attention.map(({ reason, n }) => [reason, n])),
  };
}

/** Members whose status stands in REDCap, settled, as it is now. */
async function countWritten(room: Room): Promise<Record<string, number>> {
  const written: Record<string, number> = {};
  for (const { binding, study, agile } of room.places.values()) {
    const codes = Object.entries(agile.statuses);
    const [row]: { n: number }[] = await room.context.dataSource.query(
      `SELECT count(*)::int AS n
         FROM participant p JOIN member m USING (participant_id)
         JOIN cell c ON c.participant_id = p.participant_id AND c.field = $2
        WHERE p.binding = $1 AND p.consented AND p.presence <> 'deleted' AND c.asked IS NULL
          AND c.known = coalesce((SELECT code FROM unnest($3::text[], $4::text[]) AS s(word, code) WHERE word = m.status), $5)`,
      [
        binding.id,
        agile.cells.fields.status,
        codes.map(([word]) => word),
        codes.map(([, { code }]) => code),
        agile.unknownStatus.code,
      ],
    );
    written[study.id] = (written[study.id] ?? 0) + (row?.n ?? 0);
  }
  return written;
}
