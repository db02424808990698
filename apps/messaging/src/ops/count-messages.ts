import { Gauge } from 'prom-client';
import type { Room } from '../room';

/** The figures of the service: messages by study, channel and state, from the database whenever they are read. */
export function countMessages(room: Room): void {
  const { registry, dataSource } = room.context;
  new Gauge({
    name: 'studybridge_messages',
    help: 'Messages by study, channel and state.',
    labelNames: ['study', 'channel', 'state'],
    registers: [registry],
    async collect() {
      try {
        const rows: { study: string; channel: string; state: string; n: number }[] = await dataSource.query(
          'SELECT study, channel, state, count(*)::int AS n FROM message GROUP BY study, channel, state',
        );
        this.reset();
        for (const { n, ...labels } of rows) this.set(labels, n);
      } catch {
        // The database is away: the figures of last time are better than none.
      }
    },
  });
}
