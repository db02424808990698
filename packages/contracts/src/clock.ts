/** What of the outside world a job may be quiet by: REDCap’s projects, or the texts that phones send to us. */
export type Outside = 'redcap' | 'texts';

/**
 * Where a business decision gets its time from (law 10: study time is a port). Leases, time-outs, backoff and breakers
 * do not use it: they run on real time.
 */
export interface Clock {
  /** The present instant of the study's world. Synchronous: the value of the last `refresh()` for a remote clock. */
  now(): Date;
  /**
   * Fetches the present instant where it is kept elsewhere (the sandbox's world). Every unit of work (a job run, an
   * inbox message, an effect) calls it once at its start. Throws a `dependency` error when the world cannot be reached.
   */
  refresh(): Promise<void>;
  /**
   * The instant at which that part of the outside world (REDCap unless named) last changed, as far as this clock can know;
   * `null` when it cannot (real time). A job that does nothing in an unchanged world uses it to pass over its empty runs
   * when months are played in a minute.
   */
  outsideChangedAt(where?: Outside): Date | null;
}
