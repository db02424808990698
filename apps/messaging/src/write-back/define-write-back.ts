import { writeSettled } from '@studybridge/contracts';
import type { Room } from '../room';
import { hearLogSettled, logMessage } from './write-log';

/** The studies' SMS logs. */
export function defineWriteBack(room: Room): void {
  room.hooks.settled.push((em, message) => logMessage(em, room, message));
  room.bus.consume(writeSettled, (em, envelope) => hearLogSettled(em, room, envelope));
  room.context.ops.addStatus('sms-log', async () => {
    const rows = await room.context.dataSource.query<{ state: string; reason: string | null; n: number }[]>(
      'SELECT state, reason, count(*)::int AS n FROM log_write GROUP BY state, reason',
    );
    const refused = rows.filter((row) => row.state === 'refused' && row.reason !== null);
    return {
      log: {
        written: rows.filter((row) => row.state === 'written').reduce((sum, row) => sum + row.n, 0),
        asked: rows.filter((row) => row.state === 'asked').reduce((sum, row) => sum + row.n, 0),
        refused: Object.fromEntries(refused.map((row) => [row.reason, row.n])),
      },
    };
  });
}
