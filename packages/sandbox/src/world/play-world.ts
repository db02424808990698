import { idleAnswerSchema, StudybridgeError, type IdleAnswer } from '@studybridge/contracts';
import { sandboxError } from './sandbox-error';
import type { World } from './world';

/** What is played, with which services, and until when. */
export interface PlayOptions {
  world: World;
  /** Every process that takes part; replicas of one service share a name. */
  services: { name: string; url: string }[];
  /** Bearer token of the services' `/ops`. */
  opsToken?: string;
  /** Where to stop; default the end of the cohort's timeline, without a cohort the present instant. */
  until?: Date;
  /** Called at most a few times a second, and at the end. */
  onProgress?: (progress: PlayProgress) => void;
  /** Gives up after this many real milliseconds without any progress; default 120,000. */
  timeoutMs?: number;
  /** Stops the play between two steps. */
  signal?: AbortSignal;
}

/** How far a play is. */
export interface PlayProgress {
  /** Study time, ISO UTC. */
  now: string;
  until: string;
  /** 0 to 1, of the time between the world's start and `until`. */
  part: number;
  /** How often time was moved on, and how often the services were asked. */
  steps: number;
  rounds: number;
  /** What the services have said on the bus so far. */
  said: number;
  /** Members at the texting partner. */
  members: number;
}

/** How a play went. */
export interface PlayResult extends PlayProgress {
  /** Real milliseconds. */
  durationMs: number;
  ended: boolean;
}

/** Real milliseconds between two rounds while something is busy: asking costs the services as much as a small piece of work, so not too often. */
const firstPauseMs = 20;
const longestPauseMs = 50;

/** What one round of questions found. */
interface Round {
  /** Why the system is not idle, one sentence per service; empty when it is. */
  waits: string[];
  /** The bus's numbers; two idle rounds with the same ones mean that nothing is under way. */
  numbers: string;
  /** Everything that moves while work is being done. */
  trace: string;
  /** Earliest instant at which a job is due, epoch milliseconds; Infinity when none is. */
  nextDueMs: number;
  said: number;
}

/**
 * The conductor: moves the world's time from one thing that happens to the next (a dated action, a partner's timer, a job
 * that falls due), each time waiting until every service says that it is idle and all that was said on the bus was heard,
 * twice with the same numbers (law 12). At the end every job runs once more. Played again at the end of the timeline,
 * only that last run happens. Throws a `dependency` error that names who is not idle and why when nothing moves any more.
 */
export async function playWorld(options: PlayOptions): Promise<PlayResult> {
  return new Conductor(options).play();
}

class Conductor {
  private readonly began = Date.now();
  private readonly world: World;
  private readonly until: Date;
  private readonly timeoutMs: number;
  /** The last round that found the system idle; nothing but the world has moved since. */
  private settled: Round | null = null;
  /** How long it has lately taken, in real milliseconds, from a job's start until everything it began was done. */
  private usualMs = 0;
  private steps = 0;
  private rounds = 0;
  private said = 0;
  private toldAt = 0;

  constructor(private readonly options: PlayOptions) {
    this.world = options.world;
    this.until = options.until ?? this.world.endAt ?? this.world.now;
    this.timeoutMs = options.timeoutMs ?? 120_000;
  }

  async play(): Promise<PlayResult> {
    this.world.pause();
    let due = (await this.settle()).nextDueMs;
    while (this.world.now < this.until) {
      this.options.signal?.throwIfAborted();
      const event = this.world.nextEventAt()?.getTime() ?? Infinity;
      const to = Math.min(event, due, this.until.getTime());
      const before = this.lastChange();
      this.world.advanceTo(new Date(to));
      // Who was called by the world has work now, whatever the clock says.
      const called = await this.world.callbacksSettled();
      this.steps += 1;
      this.tell(false);
      // Nobody is due and nothing that a service could see has moved: no need to ask.
      const isUnseen = called === 0 && this.lastChange() === before;
      if (to < due && to < this.until.getTime() && isUnseen) continue;
      due = (await this.settle(to < due && called === 0)).nextDueMs;
    }
    await this.runEveryJob();
    this.tell(true);
    return { ...this.progress(), durationMs: Date.now() - this.began, ended: this.world.ended };
  }

  /** When anything last changed that a service could see without having been called. */
  private lastChange(): string {
    return `${this.world.changedAt.toISOString()} ${this.world.textedAt.toISOString()}`;
  }

  /**
   * Waits until the system is idle, in two rounds with equal numbers. `nobodyDue`: only the world has moved since the last
   * idle round, so that one is the first of the two. Every question costs the services work, so they are asked no more
   * often than it takes to notice an end that usually comes after `usualMs`.
   */
  private async settle(nobodyDue = false): Promise<Round> {
    const began = Date.now();
    let delay = Math.min(longestPauseMs, Math.max(firstPauseMs, this.usualMs / 5));
    let movedAt = began;
    let trace = '';
    let wasBusy = false;
    if (!nobodyDue) this.settled = null;
    for (;;) {
      this.options.signal?.throwIfAborted();
      const round = await this.ask(true);
      this.said = round.said;
      const last = this.settled;
      this.settled = round.waits.length === 0 ? round : null;
      if (this.settled && last?.numbers === round.numbers) {
        if (wasBusy) this.usualMs += (Date.now() - began - this.usualMs) / 8;
        return round;
      }
      if (round.trace !== trace) {
        trace = round.trace;
        movedAt = Date.now();
      } else if (Date.now() - movedAt > this.timeoutMs) {
        const { waits } = await this.ask(false);
        throw notIdle(waits, this.timeoutMs, this.world.now);
      }
      this.tell(false);
      if (this.settled) continue;
      wasBusy = true;
      await new Promise((resolve) => setTimeout(resolve, delay));
      delay = Math.min(longestPauseMs, delay * 2);
    }
  }

  /** `brief`: without what the services say of their troubles, which costs them a look each. */
  private async ask(brief: boolean): Promise<Round> {
    this.rounds += 1;
    const asked = await Promise.all(this.options.services.map((service) => askIdle(service, this.timeoutMs, brief)));
    const waits: string[] = [];
    const answers = new Map<string, IdleAnswer>();
    let nextDueMs = Infinity;
    for (const { name, answer, problem } of asked) {
      if (!answer) {
        waits.push(`${name}: ${problem}`);
        continue;
      }
      const busy = this.whyBusy(answer);
      if (busy !== null) waits.push(`${name}: ${busy}`);
      // Replicas answer from the same database: their numbers are one and the same, the later answer is the newer.
      answers.set(name, answer);
      for (const { at } of answer.nextDue) nextDueMs = Math.min(nextDueMs, Date.parse(at));
    }
    waits.push(...unheard(answers));
    const topics = [...answers].map(([name, { topics }]) => [name, topics]);
    const said = [...answers.values()].flatMap(({ topics }) => Object.values(topics.said));
    return {
      waits,
      numbers: JSON.stringify(topics),
      trace: JSON.stringify([topics, [...answers.values()].map(({ work, nextDue }) => [work, nextDue])]),
      nextDueMs,
      said: said.reduce((sum, n) => sum + n, 0),
    };
  }

  private whyBusy(answer: IdleAnswer): string | null {
    const reasons: string[] = [];
    const now = this.world.now.getTime();
    if (!answer.idle) {
      const open = Object.entries(answer.work).filter(([, count]) => count > 0);
      reasons.push(
        open.length > 0 ? open.map(([name, count]) => `${count} ${name}`).join(', ') : 'says that it is not idle',
      );
    }
    if (Date.parse(answer.now) !== now) reasons.push(`its clock says ${answer.now}`);
    const late = answer.nextDue.filter(({ at }) => Date.parse(at) <= now);
    if (late.length > 0) reasons.push(`due but not run: ${late.map(({ job }) => job).join(', ')}`);
    if (reasons.length === 0) return null;
    return [reasons.join('; '), ...answer.problems].join(' – ');
  }

  private async runEveryJob(): Promise<void> {
    for (const name of new Set(this.options.services.map((service) => service.name))) {
      const service = this.options.services.find((s) => s.name === name)!;
      await runJobs(service, this.options.opsToken);
      await this.settle();
    }
  }

  private progress(): PlayProgress {
    const start = this.world.startAt.getTime();
    const whole = this.until.getTime() - start;
    return {
      now: this.world.now.toISOString(),
      until: this.until.toISOString(),
      part: whole <= 0 ? 1 : Math.min(1, (this.world.now.getTime() - start) / whole),
      steps: this.steps,
      rounds: this.rounds,
      said: this.said,
      members: this.world.members,
    };
  }

  private tell(last: boolean): void {
    if (!this.options.onProgress || (!last && Date.now() - this.toldAt < 250)) return;
    this.toldAt = Date.now();
    this.options.onProgress(this.progress());
  }
}

async function askIdle(
  service: { name: string; url: string },
  timeoutMs: number,
  brief: boolean,
): Promise<{ name: string; answer?: IdleAnswer; problem?: string }> {
  try {
    const response = await fetch(new URL(brief ? '/idle?brief' : '/idle', service.url), {
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) return { name: service.name, problem: `answers /idle with ${response.status}` };
    const parsed = idleAnswerSchema.safeParse(await response.json());
    if (!parsed.success) return { name: service.name, problem: 'answers /idle with something else' };
    return { name: service.name, answer: parsed.data };
  } catch (error) {
    return { name: service.name, problem: `cannot be reached at ${service.url} (${causeOf(error)})` };
  }
}

/** For each topic that someone hears: whether everything said by anyone was heard. */
function unheard(answers: Map<string, IdleAnswer>): string[] {
  const said = new Map<string, number>();
  for (const { topics } of answers.values()) {
    for (const [topic, count] of Object.entries(topics.said)) said.set(topic, (said.get(topic) ?? 0) + count);
  }
  const waits: string[] = [];
  for (const [name, { topics }] of answers) {
    for (const [topic, count] of Object.entries(topics.heard)) {
      const all = said.get(topic) ?? 0;
      if (count !== all) waits.push(`${name}: heard ${count} of ${all} messages of ${topic}`);
    }
  }
  return waits;
}

async function runJobs(service: { name: string; url: string }, opsToken: string | undefined): Promise<void> {
  let response: Response;
  try {
    response = await fetch(new URL('/ops', service.url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(opsToken === undefined ? {} : { authorization: `Bearer ${opsToken}` }),
      },
      body: JSON.stringify({ command: 'jobs.run', arguments: { name: 'all' } }),
    });
  } catch (error) {
    throw new StudybridgeError(`${service.name} cannot be reached at ${service.url} (${causeOf(error)}).`, {
      code: 'SERVICE_UNREACHABLE',
      errorClass: 'dependency',
      remedy: 'Start the service, and play again: the play goes on where it stopped.',
      cause: error,
    });
  }
  const said = await response.text();
  if (response.ok) return;
  throw sandboxError(
    'JOBS_NOT_RUN',
    `${service.name} would not run its jobs: ${response.status} ${said.slice(0, 300)}`,
    response.status === 401 || response.status === 403
      ? 'Give the token that the service was started with (OPS_TOKEN).'
      : 'See the service’s log.',
  );
}

function notIdle(waits: string[], timeoutMs: number, now: Date): StudybridgeError {
  return new StudybridgeError(
    `Nothing has moved for ${Math.round(timeoutMs / 1000)} s at ${now.toISOString()}; not idle: ${waits.join(' | ') || 'the numbers keep changing'}.`,
    {
      code: 'NOT_IDLE',
      errorClass: 'dependency',
      remedy: 'Put right what is named, and play again: the play goes on where it stopped.',
    },
  );
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause = error.cause as { code?: string } | undefined;
  return cause?.code ?? error.name;
}
