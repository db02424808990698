import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { databaseCodeOf } from '../database/database-error';
import { LeaseLostError, type Lease, type Leases } from './lease';

/** SQLSTATE. */
const uniqueViolation = '23505';

/** Leases kept in the table `lease`, by the database's own clock. `holder` names this process in the table. */
export function createLeases(dataSource: DataSource, holder: string): Leases {
  return {
    async acquire(name, ttlMs) {
      const mark = `${holder} ${randomUUID()}`;
      const take = (): Promise<{ epoch: string }[]> =>
        dataSource.query<{ epoch: string }[]>(
          `INSERT INTO lease AS held (name, epoch, holder, real_expires_at)
         VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE
            SET epoch = held.epoch + 1, holder = excluded.holder,
                real_expires_at = clock_timestamp() + $3 * interval '1 millisecond'
          WHERE held.holder IS NULL OR held.real_expires_at <= clock_timestamp()
         RETURNING epoch`,
          [name, mark, ttlMs],
        );
      // Two that take it for the very first time may meet in the index of epochs instead; there is a row by then.
      const rows = await take().catch((error: unknown) => {
        if (databaseCodeOf(error) === uniqueViolation) return take();
        throw error;
      });
      const row = rows[0];
      return row === undefined ? null : new HeldLease(dataSource, name, Number(row.epoch), mark, ttlMs);
    },
  };
}

class HeldLease implements Lease {
  constructor(
    private readonly dataSource: DataSource,
    readonly name: string,
    readonly epoch: number,
    private readonly mark: string,
    private readonly ttlMs: number,
  ) {}

  async renew(): Promise<boolean> {
    // An expired lease that nobody took is still ours alone.
    const rows = await this.dataSource.query<[unknown[], number]>(
      `UPDATE lease SET real_expires_at = clock_timestamp() + $3 * interval '1 millisecond'
        WHERE name = $1 AND epoch = $2 AND holder = $4 RETURNING epoch`,
      [this.name, this.epoch, this.ttlMs, this.mark],
    );
    return rows[1] === 1;
  }

  async release(em?: EntityManager): Promise<void> {
    await (em ?? this.dataSource).query(
      `UPDATE lease SET holder = NULL WHERE name = $1 AND epoch = $2 AND holder = $3`,
      [this.name, this.epoch, this.mark],
    );
  }

  async assert(em: EntityManager): Promise<void> {
    const rows = await em.query<unknown[]>(
      `SELECT 1 FROM lease WHERE name = $1 AND epoch = $2 AND holder = $3 FOR KEY SHARE`,
      [this.name, this.epoch, this.mark],
    );
    if (rows.length === 0) throw new LeaseLostError(this.name);
  }
}
