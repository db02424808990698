import { createWorld, type World } from '@studybridge/sandbox';
import twilio from 'twilio';
import { askForTexts, startAsker, texting, textingSettings } from '../scenarios/ask-for-texts';
import { wantedTexts, type WantedText } from '../scenarios/wanted-texts';
import { askIdle, command } from '../system/ask-service';
import { type Bench, rounded } from './bench';
import { layBenchGround } from './bench-ground';
import { peakMemoryMb } from './peak-memory';

const texts = 2_000;
/** Posted at a time, by the floor and by the service. */
const atOnce = 24;
/** Segments a second that nobody reaches here. */
const unlimited = 1_000;
const startAt = new Date('2018-10-02T15:00:00Z');

const { RequestClient } = twilio;
type Options<T> = Parameters<typeof RequestClient.prototype.request<T>>[0];

/** The official client, led to the sandbox. */
class ToSandbox extends RequestClient {
  constructor(private readonly url: string) {
    super({ timeout: 30_000 });
  }

  override request<T>(o: Options<T>): ReturnType<typeof RequestClient.prototype.request<T>> {
    return super.request<T>({ ...o, uri: o.uri.replace('https://api.twilio.com', `${this.url}/twilio`) });
  }
}

/** Texts that wait, decided upon and handed over by one service, against the official client that does nothing but post them. */
export const messagingBench: Bench = {
  name: 'messaging',
  async run(place) {
    const wanted = wantedTexts({
      seed: 1,
      messages: Math.max(100, Math.round(texts * place.scale)),
      binding: texting.binding,
    });
    const world = createWorld({ startAt });
    const { url } = await world.listen(0);
    const ground = await layBenchGround(place);
    try {
      const floorMs = await postAlone(url, world, wanted);
      place.log(`the official client alone: ${wanted.length} texts in ${Math.round(floorMs)} ms`);
      const service = await ground.start('messaging', {
        ...textingSettings(url, world, unlimited),
        STUDY_CLOCK_URL: `${url}/__sandbox/clock`,
        MESSAGES_IN_HAND: String(atOnce),
      });
      const asker = await startAsker(ground, world, { database: 'bench_asker', told: new Map() });
      try {
        const by = 'the bench';
        const tell = (name: string): Promise<unknown> =>
          command(service.url, ground.opsToken, name, { scope: 'global', by });
        await tell('messages.stop');
        await askForTexts(asker, world, wanted);
        await until(async () => {
          const idle = await askIdle(service.url);
          return typeof idle !== 'string' && idle.idle && idle.topics.heard['message.requested'] === wanted.length;
        });
        const before = world.twilioCreates().length;
        const began = performance.now();
        await tell('messages.resume');
        await until(() => Promise.resolve(world.twilioCreates().length >= before + wanted.length));
        const oursMs = performance.now() - began;
        return [
          {
            bench: 'messaging',
            what: 'texts that wait, decided upon and handed over by one service, against the official client alone',
            ratio: rounded(floorMs / oursMs),
            aim: null,
            figures: {
              messages: wanted.length,
              floorMs: Math.round(floorMs),
              oursMs: Math.round(oursMs),
              perSecond: rounded((wanted.length / oursMs) * 1_000),
              peakMemoryMb: peakMemoryMb(service.pid) ?? 0,
            },
          },
        ];
      } finally {
        await asker.stop();
      }
    } finally {
      await ground.stop();
      await world.close();
    }
  },
};

/** Nothing but the posts, as many at a time as the service has in hand. Milliseconds. */
async function postAlone(url: string, world: World, wanted: readonly WantedText[]): Promise<number> {
  const { accountSid, authToken } = world.twilio;
  const client = twilio(accountSid, authToken, { httpClient: new ToSandbox(url) });
  const left = [...wanted];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let text = left.pop(); text !== undefined; text = left.pop()) {
        const body = `iSMILE study: your 2-month survey is ready (10 minutes): ${text.data['link'] ?? ''}`;
        await client.messages.create({ to: text.mobile, from: texting.sender, body, validityPeriod: 36_000 });
      }
    }),
  );
  return performance.now() - began;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
}
