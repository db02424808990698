import type { Watch } from '../time/settle';
import type { Replica } from '../system/replica';
import type { System } from '../system/start-system';
import type { Strike } from './strike';

/** Longer than every lease (12 s) and than the silence after which the relay's session is ended. */
const frozenMs = 14_000;
/** Several times the pause after which a relay looks by itself, and less than the silence after which its session is ended. */
const heldMs = 8_000;

/** What was done to whom, and when in study time. */
export interface Struck {
  at: string;
  /** Real time. */
  realAt: number;
  what: Strike['what'];
  who: string;
  point: string | null;
}

/**
 * Carries out strikes: each only after the system has moved since the one before, at its point as soon as some replica
 * comes there, else after so many movements. What was killed is started again at once.
 */
export class Striker {
  readonly done: Struck[] = [];
  private waiting: { strike: Strike; dueAt: number; armed: boolean }[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private struckAtProgress = -1;
  private failure: unknown = null;
  private stop = 0;
  private readonly thaws = new Map<number, (() => void)[]>();

  constructor(
    private readonly system: System,
    private readonly watch: Watch,
    private readonly tell: (line: string) => void,
  ) {}

  /** Time has come to a stop, and these strikes are planned from now on. */
  arrive(stop: number, strikes: readonly Strike[]): void {
    this.stop = stop;
    for (const [at, thaws] of this.thaws) {
      if (at > stop) continue;
      this.thaws.delete(at);
      for (const thaw of thaws) thaw();
    }
    for (const strike of strikes) {
      this.waiting.push({ strike, dueAt: this.watch.progress + strike.after, armed: false });
    }
    this.onRound();
  }

  /** How many are planned and not done. */
  get left(): number {
    return this.waiting.length;
  }

  /** Whether something is still broken on purpose: a frozen process, a broker that starts. */
  get busy(): boolean {
    return this.underWay.size > 0;
  }

  /** To be called after every look at the system. Throws what went wrong in a strike. */
  onRound(): void {
    if (this.failure !== null) throw this.failure;
    for (const one of [...this.waiting]) {
      const { strike } = one;
      if ('service' in strike && strike.point !== null) {
        if (!one.armed) this.arm(one, strike.service, strike.point);
      } else if (this.watch.progress >= one.dueAt && this.watch.progress > this.struckAtProgress) {
        this.strikeNow(one);
      }
    }
  }

  /** What never came to its point happens at the next movement instead. */
  giveUpPoints(): void {
    for (const one of this.waiting) {
      if (!('service' in one.strike) || one.strike.point === null) continue;
      for (const replica of this.system.of(one.strike.service)) replica.disarm();
      one.strike = { ...one.strike, point: null };
      one.dueAt = this.watch.progress;
      one.armed = false;
    }
  }

  /** Waits until everything broken is whole again, as far as this takes part in it. */
  async end(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
    if (this.failure !== null) throw this.failure;
  }

  private arm(one: { strike: Strike; armed: boolean }, service: string, point: string): void {
    // One point at a time per service: a process stands at one point only.
    const busy = this.waiting.some(
      (other) => other.armed && 'service' in other.strike && other.strike.service === service,
    );
    if (busy) return;
    one.armed = true;
    const all = this.system.of(service).filter((replica) => replica.state === 'up');
    for (const replica of all) {
      replica.arm(point, () => {
        for (const other of all) if (other !== replica) other.disarm();
        this.waiting = this.waiting.filter((waiting) => waiting !== one);
        this.start(this.strikeProcess(one.strike, replica, point));
      });
    }
  }

  private strikeNow(one: { strike: Strike }): void {
    const { strike } = one;
    if (strike.what === 'kill-broker' || strike.what === 'lose-volume' || strike.what === 'kill-database') {
      this.waiting = this.waiting.filter((other) => other !== one);
      this.note(strike.what, strike.what === 'kill-database' ? 'postgres' : 'kafka', null);
      const { ground } = this.system;
      this.start(
        strike.what === 'kill-broker'
          ? ground.killBroker()
          : strike.what === 'lose-volume'
            ? ground.loseBrokerVolume()
            : ground.killDatabase(),
      );
      return;
    }
    if (!('service' in strike)) return;
    const up = this.system.of(strike.service).filter((replica) => replica.state === 'up');
    const replica = up[this.done.length % Math.max(1, up.length)];
    if (replica === undefined) return;
    this.waiting = this.waiting.filter((other) => other !== one);
    this.start(this.strikeProcess(strike, replica, null));
  }

  private async strikeProcess(strike: Strike, replica: Replica, point: string | null): Promise<void> {
    this.note(strike.what, replica.name, point);
    if (strike.what === 'kill') {
      await replica.kill();
      this.rearm(replica);
      replica.start();
      return;
    }
    if (strike.what === 'hold') {
      await this.untilSecondComes(strike.service, replica, point);
      replica.goOn();
      this.rearm(replica);
      return;
    }
    replica.freeze();
    await this.untilThaw('thawAt' in strike ? strike.thawAt : undefined);
    // First thing when it wakes: else its own timers would run before the line that it was frozen in.
    replica.goOn();
    replica.thaw();
    this.rearm(replica);
  }

  /** Until another replica comes to the point where this one is held, or for as long as a second one would need. */
  private async untilSecondComes(service: string, held: Replica, point: string | null): Promise<void> {
    if (point === null) return;
    const others = this.system.of(service).filter((replica) => replica !== held && replica.state === 'up');
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, heldMs);
      for (const other of others) {
        other.arm(point, () => {
          clearTimeout(late);
          resolve();
        });
      }
    });
    for (const other of others) other.disarm();
  }

  private untilThaw(thawAt: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (thawAt === undefined) setTimeout(resolve, frozenMs);
      else if (thawAt <= this.stop) resolve();
      else this.thaws.set(thawAt, [...(this.thaws.get(thawAt) ?? []), resolve]);
    });
  }

  /** A process that was away does not know what its service is waiting at: the strike is armed anew for all. */
  private rearm(replica: Replica): void {
    for (const one of this.waiting) {
      if ('service' in one.strike && one.strike.service === replica.o.service) one.armed = false;
    }
  }

  private note(what: Strike['what'], who: string, point: string | null): void {
    this.struckAtProgress = this.watch.progress;
    const at = this.system.world.now.toISOString();
    this.done.push({ at, realAt: Date.now(), what, who, point });
    this.tell(`${at} ${what} ${who}${point === null ? '' : ` at ${point}`}`);
  }

  private start(work: Promise<void>): void {
    const over: Promise<void> = work
      .catch((error: unknown) => (this.failure ??= error))
      .then(() => void this.underWay.delete(over));
    this.underWay.add(over);
  }
}
