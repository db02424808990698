import { performance } from 'node:perf_hooks';
import type { DataSource } from 'typeorm';

/** The part of a pg client that the lock needs. */
interface Session {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  on(event: 'error' | 'end' | 'notification', listener: () => void): unknown;
  off(event: 'error' | 'end' | 'notification', listener: () => void): unknown;
  /** True: the pool must not use the connection again. */
  release(destroy: boolean): void;
}

const pingMs = 3_000;
/** How long a frozen holder keeps the lock: the server then ends its silent session. */
const silenceMs = 12_000;

/**
 * An advisory lock held by one database session. The connection is the lock: when it is lost, so is the lock, and every
 * statement of the holder goes through it, so a holder that lost it cannot write. A frozen process loses it, too, since the
 * server ends a session that is silent.
 */
export class SessionLock {
  private current: Session | null = null;
  private taken = 0;
  private heardAt = 0;
  private ping: NodeJS.Timeout | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly number: number,
    /** A notification on this channel wakes the holder. */
    private readonly channel: string,
    private readonly onNotified: () => void,
  ) {}

  /** Counts the sessions that held the lock; another number is another session. */
  get session(): number {
    return this.taken;
  }

  get held(): boolean {
    return this.current !== null;
  }

  /** True when this process holds the lock, now or already. Throws when the database is away. */
  async take(shared = false): Promise<boolean> {
    if (this.current !== null) {
      if (performance.now() - this.heardAt < silenceMs - 1_000) return true;
      this.lose(this.current);
    }
    const pool = (this.dataSource.driver as unknown as { master: { connect(): Promise<Session> } }).master;
    const session = await pool.connect();
    const onLost = () => this.lose(session);
    session.on('error', onLost);
    session.on('end', onLost);
    try {
      const lock = shared ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock';
      const { rows } = await session.query(`SELECT ${lock}($1) AS taken`, [this.number]);
      if (rows[0]?.['taken'] !== true) {
        session.off('error', onLost);
        session.off('end', onLost);
        session.release(false);
        return false;
      }
      await session.query(`SET idle_session_timeout = ${silenceMs}`).catch(() => undefined);
      await session.query(`LISTEN ${this.channel}`);
    } catch (error) {
      session.release(true);
      throw error;
    }
    session.on('notification', this.onNotified);
    this.current = session;
    this.taken += 1;
    this.heardAt = performance.now();
    this.ping = setInterval(() => void this.query('SELECT 1').catch(() => undefined), pingMs);
    return true;
  }

  /** A statement of the holder. Throws when the lock is not held, or was lost on the way. */
  async query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const session = this.current;
    if (session === null) throw Object.assign(new Error('The lock was lost.'), { code: '08003' });
    try {
      const { rows } = await session.query(text, values);
      this.heardAt = performance.now();
      return rows;
    } catch (error) {
      // Whatever the statement was: a session in doubt is no lock.
      this.lose(session);
      throw error;
    }
  }

  release(): void {
    if (this.current !== null) this.lose(this.current);
  }

  private lose(session: Session): void {
    if (this.current !== session) return;
    this.current = null;
    clearInterval(this.ping);
    session.release(true);
  }
}
