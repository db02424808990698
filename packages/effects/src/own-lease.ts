import { performance } from 'node:perf_hooks';
import { type Lease, type Leases, type Logger, Loop } from '@studybridge/service-kit';

const termMs = 6_000;
const renewMs = 1_500;
/** No call begins in the last part of the term: the next holder may look by then. */
const marginMs = 1_500;

/** The name of the nth place at the work; a process takes the first that is free. */
const placeName = (place: number): string => `effects/${place}`;

/**
 * This process's right to have effects in hand. Others see by the lease that it is dead or frozen and take over what it had;
 * it sees itself by its own clock that it was frozen, and begins nothing.
 */
export class OwnLease {
  private readonly loop = new Loop(() => this.keep());
  private lease: Lease | null = null;
  private renewedAt = 0;

  constructor(
    private readonly leases: Leases,
    private readonly logger: Logger,
    private readonly onTaken: () => void,
    private readonly onLost: () => void,
  ) {}

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
    const { lease } = this;
    this.lease = null;
    await lease?.release().catch(() => undefined);
  }

  /** The lease as long as it surely is ours. */
  current(): Lease | null {
    return performance.now() - this.renewedAt < termMs - marginMs ? this.lease : null;
  }

  /** The term of a lease, for whoever takes one over. */
  static readonly termMs = termMs;

  private async keep(): Promise<number> {
    const asked = performance.now();
    try {
      if (this.lease === null) {
        for (let place = 1; this.lease === null && place <= 100; place += 1) {
          this.lease = await this.leases.acquire(placeName(place), termMs);
        }
        this.renewedAt = asked;
        this.onTaken();
      } else if (await this.lease.renew()) {
        const late = this.current() === null;
        this.renewedAt = asked;
        if (late) this.onTaken();
      } else {
        this.logger.warn('another process has taken over our effects; what we had in hand is given up');
        this.lease = null;
        this.onLost();
        return 1;
      }
    } catch (error) {
      this.logger.debug({ err: error }, 'the lease of the effects could not be renewed');
      return renewMs / 3;
    }
    return renewMs;
  }
}
