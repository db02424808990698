import type { EntityManager } from 'typeorm';
import { StudybridgeError } from '@studybridge/contracts';

/** The right to do something alone, for a while, with a number that grows with every holder. Real time, by the database's clock. */
export interface Lease {
  readonly name: string;
  /** Grows with every acquisition; goes along with what is written, so that a late writer can be told. */
  readonly epoch: number;
  /** Extends the lease by its term. False when another holder has it: stop at once. */
  renew(): Promise<boolean>;
  /** With a transaction: given up when that commits. */
  release(em?: EntityManager): Promise<void>;
  /**
   * Inside a transaction: throws {@link LeaseLostError} unless the lease is still ours, and locks it until the transaction
   * ends, so that a thief waits for our commit.
   */
  assert(em: EntityManager): Promise<void>;
}

/** Leases of one database. */
export interface Leases {
  /** Null when another holder has it. `ttlMs` is how long a dead holder blocks the others. */
  acquire(name: string, ttlMs: number): Promise<Lease | null>;
}

/** Another process has taken over; what this one still wanted to write must not be written. */
export class LeaseLostError extends StudybridgeError {
  constructor(name: string) {
    super(`The lease ${name} is held by another process.`, {
      code: 'LEASE_LOST',
      errorClass: 'dependency',
      remedy: 'Nothing to do; the other process carries on.',
    });
  }
}
