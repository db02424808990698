import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kafkaAvailable } from '@studybridge/testing';
import type { Plan, Strike } from '../src/faults/strike';
import { runEnrolment } from '../src/scenarios/enrolment';
import { layGround, type Ground } from '../src/system/ground';
import { enrolmentServices } from '../src/system/start-system';
import type { Counts, Verdict } from '../src/verdict/verdict';
import { biteCohort } from './bite-cohort';

/** The guards, each with what happens when it is missing: the same faults pass with it. */
interface Bite {
  guard: string;
  /** What the verdict must name. */
  reason: keyof Counts;
  replicas: [gateway: number, agile: number];
  /** `last` is the number of the stop that the last correction comes before; the end of the study is one after it. */
  strikes: (last: number) => { stop: number; strike: Strike }[];
  lasting?: Plan['lasting'];
}

const at = (
  service: 'redcap-gateway' | 'agile-health',
  what: 'kill' | 'freeze',
  point: string,
  thawAt?: number,
): Strike => ({ what, service, point, after: 0, ...(thawAt === undefined ? {} : { thawAt }) });

const bites: Bite[] = [
  {
    // A relay that was frozen with the first correction in hand publishes it after the second one was worked.
    guard: 'inbox-drop',
    reason: 'updatesTwice',
    replicas: [2, 1],
    strikes: (last) => [{ stop: last - 2, strike: at('redcap-gateway', 'freeze', 'outbox.read', last) }],
  },
  {
    // The snapshot says that the last correction is known, and nobody was told of it.
    guard: 'outbox-transaction',
    reason: 'changesLost',
    replicas: [1, 1],
    strikes: (last) => [{ stop: last, strike: at('redcap-gateway', 'kill', 'poll:stored') }],
  },
  {
    // Nobody is struck: two replicas are enough.
    guard: 'relay-lock',
    reason: 'publishedTwice',
    replicas: [2, 1],
    strikes: () => [],
  },
  {
    // An outcome of before the freeze is noted over what its successor has done since.
    guard: 'epoch-check',
    reason: 'updatesTwice',
    replicas: [1, 2],
    strikes: (last) => [{ stop: last - 2, strike: at('agile-health', 'freeze', 'called', last) }],
  },
  {
    // The partner has the family already, and forgets that it has.
    guard: 'look-up',
    reason: 'membersDoubled',
    replicas: [1, 1],
    strikes: () => [{ stop: 1, strike: at('agile-health', 'kill', 'enrol.posted') }],
    lasting: [{ target: 'agile', fault: { kind: 'forgetful', match: { method: 'POST' }, times: 0 } }],
  },
];

(kafkaAvailable() ? describe : describe.skip)('the guards bite', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'studybridge-bite-'));
  let ground: Ground;

  beforeAll(async () => {
    ground = await layGround(folder);
  }, 120_000);
  afterAll(async () => {
    await ground?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  let lines: string[] = [];
  /** What the run told, when it did not end as it should. */
  const explained = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${lines.join('\n')}`, { cause: error });
    }
  };

  const run = (some: Bite[], off: string[], [gateway, agile]: [number, number]): Promise<Verdict> => {
    lines = [];
    return runEnrolment({
      cohort: biteCohort(),
      daily: false,
      ground,
      services: enrolmentServices.map((service, index) => ({ ...service, replicas: index === 0 ? gateway : agile })),
      plan: (stops) => ({
        strikes: some.flatMap((bite) => bite.strikes(stops.length - 2)),
        outside: [],
        lasting: some.flatMap((bite) => bite.lasting ?? []),
      }),
      seed: 0,
      off,
      tell: (line) => void lines.push(line),
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${lines.join('\n')}`, { cause: error });
    });
  };

  it.each(bites)(
    'without $guard: $reason',
    async (bite) => {
      const verdict = await run([bite], [bite.guard], bite.replicas);
      explained(() =>
        expect({ ok: verdict.ok, [bite.reason]: verdict[bite.reason] > 0 }).toEqual({ ok: false, [bite.reason]: true }),
      );
    },
    300_000,
  );

  it('with all of them, the same faults do no harm', async () => {
    const verdict = await run(bites, [], [2, 2]);
    explained(() =>
      expect(verdict).toMatchObject({ differences: [], ok: true, killed: 2, frozen: 2, effectsInDoubt: [] }),
    );
  }, 300_000);
});
