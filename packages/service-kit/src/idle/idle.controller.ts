import { Controller, Get, Inject, Query } from '@nestjs/common';
import { StudybridgeError, type IdleAnswer } from '@studybridge/contracts';
import type { JobEngine, JobOutlook } from '../jobs/job-engine';
import type { ServiceContext } from '../service/service-context';
import { JOB_ENGINE, SERVICE_CONTEXT } from '../service/tokens';

/** So long, in real milliseconds, an answer waits for a run in hand to end: shorter than asking again would take. */
const patienceMs = 50;

const nothingAsked = { work: {}, topics: { said: {}, heard: {} }, problems: [] };

/**
 * Whether there is anything left to do (law 12). Asked thousands of times while a study is played, so it is cheap: who does not want
 * to know what hinders the work asks with `?brief`.
 */
@Controller('idle')
export class IdleController {
  private wokenAt: number | null = null;

  constructor(
    @Inject(SERVICE_CONTEXT) private readonly context: ServiceContext,
    @Inject(JOB_ENGINE) private readonly engine: JobEngine,
  ) {}

  @Get()
  async idle(@Query('brief') brief?: string): Promise<IdleAnswer> {
    const { clock, idle } = this.context;
    const problems: string[] = [];
    const unknown: Record<string, number> = {};
    try {
      await clock.refresh();
    } catch (error) {
      // Without the time nobody knows what is due.
      unknown['clock'] = 1;
      problems.push(error instanceof StudybridgeError ? error.message : 'The clock cannot be read.');
    }
    // Work wakes whoever is to do it; only time that has moved on may have made something due without a word.
    const moved = clock.now().getTime() !== this.wokenAt;
    if (moved) idle.wake();
    this.wokenAt = clock.now().getTime();
    if (!moved && this.engine.started && this.engine.inHand > 0) {
      await this.engine.someRunEnds(patienceMs);
      const inHand = this.engine.inHand;
      if (inHand > 0) return this.answer(false, { ...nothingAsked, work: { ...unknown, jobs: inHand }, problems });
    }
    const jobs = await this.engine.tickAndLook().catch((error: unknown): JobOutlook => {
      this.context.logger.debug({ err: error }, 'due jobs could not be looked up');
      return { work: 1, nextDue: [], problems: ['Due jobs could not be looked up.'] };
    });
    // A run in progress is answer enough, and asking everybody on top would only slow it down.
    const busy = jobs.work > 0 && jobs.problems.length === 0;
    const { work: others, topics, problems: theirs } = busy ? nothingAsked : await idle.ask(brief !== undefined);
    const work = { ...others, ...unknown, jobs: jobs.work };
    problems.push(...jobs.problems, ...theirs);
    const done = Object.values(work).every((count) => count === 0) && this.engine.started;
    return this.answer(done, { work, topics, problems }, jobs.nextDue);
  }

  private answer(
    idle: boolean,
    found: Pick<IdleAnswer, 'work' | 'topics' | 'problems'>,
    nextDue: JobOutlook['nextDue'] = [],
  ): IdleAnswer {
    return {
      service: this.context.name,
      idle,
      now: this.context.clock.now().toISOString(),
      ...found,
      nextDue: nextDue.map(({ job, at }) => ({ job, at: at.toISOString() })),
    };
  }
}
