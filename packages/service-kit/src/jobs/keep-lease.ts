import { LeaseLostError, type Lease } from '../leases/lease';

/**
 * Renews a lease until stopped; calls `lost` once when another holder has it, or when the database could not be asked for a
 * whole term. Returns how to stop.
 */
export function keepLease(lease: Lease, ttlMs: number, lost: (error: LeaseLostError) => void): () => void {
  let asking = false;
  let heldUntil = Date.now() + ttlMs;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    const askedAt = Date.now();
    lease
      .renew()
      .then(
        (held) => {
          if (held) heldUntil = askedAt + ttlMs;
          else heldUntil = 0;
        },
        () => undefined,
      )
      .finally(() => {
        asking = false;
        if (Date.now() < heldUntil) return;
        clearInterval(timer);
        lost(new LeaseLostError(lease.name));
      });
  }, ttlMs / 4);
  timer.unref();
  return () => clearInterval(timer);
}
