import type { MessageSettled } from '@studybridge/contracts';
import type { TwilioChange, World } from '@studybridge/sandbox';
import { Striker, type Struck } from '../faults/striker';
import type { Strike } from '../faults/strike';
import { everybodyUp } from '../play';
import type { Part } from '../system/bus-part';
import { command } from '../system/ask-service';
import { startFront, type Front } from '../system/front';
import type { Ground } from '../system/ground';
import { startSystem, type ServicePlan, type System } from '../system/start-system';
import { Watch } from '../time/settle';
import { checkBus } from '../verdict/check-bus';
import { checkHandsets, type TextCounts } from '../verdict/check-handsets';
import { countStrikes } from '../verdict/count-strikes';
import { busiestSpan, usedShare } from '../verdict/measure-pace';
import { askForTexts, asker, startAsker, texting, textingSettings } from './ask-for-texts';
import type { Scenario } from './scenario';
import { strikesOf, wantedTexts, type WantedText } from './wanted-texts';

const minuteMs = 60_000;
/** A weekday's late morning in Boston: the window in which texts go out is open for nine hours. */
const startsAt = new Date('2018-10-02T15:00:00Z');
/** Study time between two waves: the first questions after the earlier one fall due. */
const waveMinutes = 2.5;
/** Minutes after the last wave: each of the checks by SID, the looks for doubts, retries, and the end of everything. */
const checkpoints = [3, 11, 61, 5 * 60, 9 * 60, 24 * 60, 31 * 60, 3 * 1440, 4 * 1440, 5 * 1440, 6 * 1440, 8 * 1440];
const spanMs = 10_000;

/** A run with texts. */
interface MessagingRun {
  /** The name in the verdict. */
  scenario: string;
  messages: number;
  /** So many parts in which the texts are asked for, with study time going on between them. */
  waves: number;
  /** Segments a second that the sender may send. */
  perSecond: number;
  seed: number;
  strikes: Strike[];
  /** How Twilio behaves beside what the phones' fates say. */
  twilio: TwilioChange;
  /** With webhooks, shuffled and doubled; without, nothing but polling brings news. */
  webhooks: boolean;
  /** Processes; three unless it says otherwise. */
  replicas?: number;
  /** All texts wait behind the kill switch until every one is with its sender: how fast it goes is then the pace's doing alone. */
  atOnce?: { leastUsed: number };
  off: string[];
  tell: (line: string) => void;
  ground?: Ground;
}

/** How a run with texts ended. */
interface MessagingVerdict extends TextCounts {
  ok: boolean;
  scenario: string;
  seed: number;
  messages: number;
  /** Messages whose numbers on the bus have a gap, or which were not worked. */
  sequenceGaps: number;
  /** Keys that wait for a person although nothing was wrong with them. */
  parked: number;
  /** Segments above what the sender may send in the busiest ten seconds. */
  paceExceeded: number;
  /** Strikes that found nothing to strike. */
  strikesLeft: number;
  received: number;
  notReceived: Record<string, number>;
  /** In doubt, and brought to a person's attention: each. */
  withAPerson: string[];
  pace: { perSecond: number; allowedIn10s: number; busiest10s: number; used?: number };
  kills: Record<string, number>;
  killed: number;
  frozen: number;
  ground: Record<string, number>;
  /** Create requests by the fault that they met, and the webhooks. */
  outside: Record<string, number>;
  ms: Record<string, number>;
  wallSeconds: number;
}

/** What Twilio does on a bad day: a fifth of the answers say nothing, its list lags, its news are late, lost, doubled and out of order. */
const badDay: TwilioChange = {
  ambiguous: 0.2,
  hangMs: 2_500,
  listLagMs: 20 * minuteMs,
  staleReads: 0.1,
  shuffle: true,
  shuffleMs: 90_000,
  doubled: 0.3,
  lost: 0.2,
  beforeAnswer: 0.1,
  balance: 1_000,
};

/** Texts by three replicas under kills, freezes and a Twilio that does not say what it did. */
export const messaging: Scenario = {
  name: 'messaging',
  about: 'texts through three replicas under kills and freezes, at a Twilio that does not say what it did',
  run: ({ messages, perSecond, kills, seed, off, tell }) => runTexts({ messages, perSecond, kills, seed, off, tell }),
};

/** A bad day from a seed. */
export function runTexts(
  o: Pick<MessagingRun, 'messages' | 'perSecond' | 'seed' | 'off' | 'tell' | 'ground'> & { kills: number },
): Promise<MessagingVerdict> {
  const { kills, ...rest } = o;
  const { seed } = o;
  return runMessaging({
    ...rest,
    scenario: 'messaging',
    waves: Math.max(3, Math.min(24, Math.round(kills / 2.5))),
    strikes: strikesOf({ seed, kills }),
    twilio: { ...badDay, seed },
    webhooks: true,
  });
}

/** A guard of the send path, with what does harm where it is missing and none where it is there. */
interface TextBite {
  /** Its name in service-kit's `Proof`. */
  guard: string;
  /** The count in the verdict that its absence raises. */
  reason: keyof TextCounts;
  strikes: Strike[];
  twilio: TwilioChange;
}

/** The guards of the send path that can be taken away. */
export const textBites: readonly TextBite[] = [
  {
    // The texts in hand of a killed process went out, and no note says so: they are taken for never begun.
    guard: 'letter-note',
    reason: 'doubled',
    strikes: [{ what: 'kill', service: 'messaging', point: 'message.posted', after: 0 }],
    twilio: { answerMs: 200 },
  },
  {
    // Twilio took them and its list does not show them yet: they are taken for never sent.
    guard: 'positive-only',
    reason: 'doubled',
    strikes: [],
    twilio: { ambiguous: 0.2, ambiguousKinds: ['500-after-commit', 'reset-after-commit'], listLagMs: 20 * minuteMs },
  },
];

/** A few texts, and exactly what does harm where the guard is missing; with the guard or without. */
export function runTextBite(
  bite: TextBite,
  o: Pick<MessagingRun, 'off' | 'tell' | 'ground'>,
): Promise<MessagingVerdict> {
  return runMessaging({
    ...o,
    scenario: 'text-bite',
    messages: 24,
    replicas: 2,
    waves: 1,
    perSecond: 20,
    seed: 0,
    strikes: bite.strikes,
    twilio: bite.twilio,
    webhooks: false,
  });
}

/** Nothing but the pace: no strikes and a Twilio in order. */
export const pacing: Scenario = {
  name: 'pacing',
  about: 'texts through three replicas: never above the rate in any ten seconds, at least 97 % of it used',
  run: ({ messages, perSecond, seed, off, tell }) =>
    runMessaging({
      scenario: 'pacing',
      messages,
      waves: 1,
      perSecond,
      seed,
      strikes: [],
      twilio: { balance: 1_000 },
      webhooks: false,
      atOnce: { leastUsed: 0.97 },
      off,
      tell,
    }),
};

/** Asks for the texts wave by wave while the strikes fall, lets study time go on until all has come to its end, and compares. */
async function runMessaging(o: MessagingRun): Promise<MessagingVerdict> {
  const began = Date.now();
  const wanted = wantedTexts({ seed: o.seed, messages: o.messages, binding: texting.binding });
  let system: System | null = null;
  const front = await startFront(() => system?.of('messaging').filter(({ state }) => state === 'up') ?? []);
  system = await startSystem({
    cohort: { study: texting.study, world: { startAt: startsAt } },
    services: [messagingService(o, front)],
    off: o.off,
    ground: o.ground,
  });
  o.tell(`logs and data of this run: ${system.folder}`);
  let keepFolder = true;
  try {
    const { world } = system;
    world.changeTwilio({
      ...o.twilio,
      phones: Object.fromEntries(wanted.map(({ mobile, outcome }) => [mobile, { outcome }])),
    });
    const told = new Map<string, MessageSettled>();
    const { brokers, databaseUrl } = system.ground;
    const ground = { brokers, databaseUrl, keysFile: system.keysFile };
    const part = await startAsker(ground, world, { database: system.databaseOf(asker), told });
    system.parts.push(part);
    const played = await play(system, part, wanted, o);
    const checksBegan = Date.now();
    const listed = await command<{ requestId: string; attention: string | null }[]>(
      system.of('messaging')[0]?.url ?? '',
      system.opsToken,
      'messages.in-doubt',
      { limit: 10_000 },
    );
    const handsets = world.handsets();
    const ends = checkHandsets({
      wanted,
      received: new Map(Object.entries(handsets).map(([mobile, { received }]) => [mobile, received.length])),
      told,
      listed: new Set(listed.filter(({ attention }) => attention !== null).map(({ requestId }) => requestId)),
    });
    const bus = await checkBus({ ...system, services: [...system.services, asker] });
    for (const { kind, text, sentence } of ends.differences.slice(0, 40)) o.tell(`${kind} ${text}: ${sentence}`);
    for (const { kind, sentence } of bus.differences.slice(0, 20)) o.tell(`${kind}: ${sentence}`);
    const count = (kind: string): number =>
      [...ends.differences, ...bus.differences].filter((one) => one.kind === kind).length;
    const allowed = (o.perSecond * spanMs) / 1_000;
    const busiest = busiestSpan(arrivalsOf(world), spanMs);
    const counts = {
      doubled: count('doubled'),
      silentlyLost: count('silentlyLost'),
      wrongEnds: count('wrongEnds'),
      sequenceGaps: count('sequenceGaps'),
      parked: count('parked'),
      paceExceeded: Math.max(0, busiest - allowed),
      strikesLeft: played.left,
    };
    const used = o.atOnce && Number(usedShare(arrivalsOf(world).slice(0, played.inWaves), o.perSecond).toFixed(4));
    const ok = Object.values(counts).every((number) => number === 0) && (used ?? 1) >= (o.atOnce?.leastUsed ?? 0);
    keepFolder = !ok;
    played.ms['checks'] = Date.now() - checksBegan;
    return {
      ok,
      scenario: o.scenario,
      seed: o.seed,
      messages: o.messages,
      ...counts,
      received: ends.received,
      notReceived: ends.notReceived,
      withAPerson: ends.withAPerson,
      pace: { perSecond: o.perSecond, allowedIn10s: allowed, busiest10s: busiest, used },
      ...countStrikes(played.struck),
      outside: faultsMet(world),
      ms: played.ms,
      wallSeconds: Math.round((Date.now() - began) / 1_000),
    };
  } finally {
    await front.close();
    await system.stop({ keepFolder });
  }
}

/** How the replicas are started. */
function messagingService(o: Pick<MessagingRun, 'replicas' | 'perSecond' | 'webhooks'>, front: Front): ServicePlan {
  return {
    name: 'messaging',
    replicas: o.replicas ?? 3,
    env: (worldUrl, world) => ({
      ...textingSettings(worldUrl, world, o.perSecond),
      TWILIO_TIMEOUT_MS: '1500',
      ...(o.webhooks ? { WEBHOOKS: 'on', PUBLIC_BASE_URL: front.url } : {}),
    }),
  };
}

/** The waves under strikes, then study time until everything has come to its end. */
async function play(
  system: System,
  part: Part,
  wanted: readonly WantedText[],
  o: MessagingRun,
): Promise<{ struck: readonly Struck[]; left: number; inWaves: number; ms: Record<string, number> }> {
  const { world } = system;
  const watch = new Watch(system);
  const striker = new Striker(system, watch, o.tell);
  const waiting = [...o.strikes];
  const ms: Record<string, number> = {};
  let stage = 0;
  let fedAt = -1;
  /** Whether a strike belongs to this time: around a send while texts are asked for, around a question once there may be one. */
  const isTimely = (strike: Strike): boolean => {
    const asked = 'point' in strike && strike.point === 'message.asked';
    return asked ? stage > 0 : stage < o.waves;
  };
  /** The last waves are for those that did not come to their point before. */
  const budget = (): number => Math.ceil((o.strikes.length * (stage + 1)) / Math.max(1, o.waves - 2));
  /** One strike at a time, after the system has moved since the one before, and never to the last replica that is there. */
  const feed = (): false => {
    striker.onRound();
    const up = system.replicas.filter(({ state }) => state === 'up').length;
    const given = o.strikes.length - waiting.length;
    if (striker.left > 0 || up < 2 || watch.progress <= fedAt || given >= budget()) return false;
    const at = waiting.findIndex(isTimely);
    const [next] = at < 0 ? [] : waiting.splice(at, 1);
    if (next === undefined) return false;
    fedAt = watch.progress;
    striker.arrive(0, [next]);
    return false;
  };
  const settle = async (name: string): Promise<void> => {
    const began = Date.now();
    await watch.settle(feed);
    await world.callbacksSettled();
    await watch.settle(feed);
    ms[name] = (ms[name] ?? 0) + Date.now() - began;
  };
  const advance = (number: number): void => {
    stage = number;
    const minutes = number < o.waves ? number * waveMinutes : minutesOf(o, number);
    world.advanceTo(new Date(startsAt.getTime() + minutes * minuteMs));
  };
  const tellOperator = async (name: string, args: object): Promise<void> => {
    const replica = system.of('messaging').find(({ state }) => state === 'up');
    if (replica) await command(replica.url, system.opsToken, name, { ...args });
  };

  await settle('start');
  // Nobody tells of polls here, without which the study's own campaign would be late every day.
  await tellOperator('jobs.pause', { name: 'survey-invitations' });
  const size = Math.ceil(wanted.length / o.waves);
  for (let wave = 0; wave < o.waves; wave += 1) {
    advance(wave);
    if (o.atOnce) await tellOperator('messages.stop', { scope: 'global', by: 'the referee' });
    await askForTexts(part, world, wanted.slice(wave * size, (wave + 1) * size));
    if (o.atOnce) {
      await settle('asked');
      await tellOperator('messages.resume', { scope: 'global', by: 'the referee' });
    }
    await settle('waves');
    o.tell(
      `wave ${wave + 1} of ${o.waves}: ${world.twilioCreates().length} create requests, ${striker.done.length} strikes`,
    );
  }
  const inWaves = world.twilioCreates().length;
  for (let point = 0; point < checkpoints.length; point += 1) {
    advance(o.waves + point);
    await settle('follow-up');
  }
  for (const strike of waiting.splice(0)) striker.arrive(0, [strike]);
  striker.giveUpPoints();
  await striker.end();
  await everybodyUp(system);
  await settle('end');
  return { struck: striker.done, left: waiting.length + striker.left, inWaves, ms };
}

/** Minutes after the start of a stage that comes after the waves. */
function minutesOf({ waves }: MessagingRun, stage: number): number {
  return (waves - 1) * waveMinutes + (checkpoints[stage - waves] ?? 0);
}

function arrivalsOf(world: World): { at: number; weight: number }[] {
  return world.twilioCreates().map(({ realAt, segments }) => ({ at: realAt, weight: segments }));
}

function faultsMet(world: World): Record<string, number> {
  const met: Record<string, number> = {
    creates: world.twilioCreates().length,
    callbacks: world.twilioView().callbacks,
  };
  for (const { fault } of world.twilioCreates()) if (fault !== null) met[fault] = (met[fault] ?? 0) + 1;
  return met;
}
