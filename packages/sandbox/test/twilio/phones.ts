import twilio from 'twilio';
import type RequestClient from 'twilio/lib/base/RequestClient';
import type { SandboxWorld, WorldOptions } from '../../src/world/world';
import { openWorld, tinyCohort } from '../world/tiny-world';

/** The official client, its hosts turned to the sandbox as `src/twilio/README.md` says. */
class ToSandbox extends twilio.RequestClient {
  constructor(
    private readonly url: string,
    timeout: number,
  ) {
    super({ timeout });
  }

  override request<D>(options: RequestClient.RequestOptions<D>) {
    const uri = options.uri.replace(
      /^https:\/\/(\w+)\.twilio\.com/,
      (_, host: string) => `${this.url}/twilio${host === 'api' ? '' : `/${host}`}`,
    );
    return super.request<D>({ ...options, uri });
  }
}

export const study = '+12025550110';
export const tollFree = '+18335550112';
export const shortCode = '55512';
export const ana = '+16175550123';

export interface Scene {
  world: SandboxWorld;
  url: string;
  client: twilio.Twilio;
  /** A client with other credentials, or less patience. */
  clientOf(user: string, password: string, more?: { accountSid?: string; timeout?: number }): twilio.Twilio;
}

/** A world with a few phones, and the official client at its Twilio. */
export async function scene(options: WorldOptions = {}): Promise<Scene> {
  const handsets = [
    { mobile: ana, line: 'mobile' as const },
    { mobile: '+16175550124', line: 'landline' as const },
    { mobile: '+16175550125', line: 'blocks-short-codes' as const },
  ];
  const { world, url } = await openWorld({ cohort: tinyCohort({ handsets }), ...options });
  const clientOf: Scene['clientOf'] = (user, password, { accountSid, timeout = 5_000 } = {}) =>
    twilio(user, password, { accountSid, httpClient: new ToSandbox(url, timeout) });
  return { world, url, client: clientOf(world.twilio.accountSid, world.twilio.authToken), clientOf };
}

/** Moves the world on by so many seconds. */
export function seconds(world: SandboxWorld, count: number): void {
  world.advanceTo(new Date(world.now.getTime() + count * 1_000));
}

/** What a phone holds, as texts. */
export function bodies(world: SandboxWorld, mobile: string): string[] {
  return world.handset(mobile).received.map(({ body }) => body);
}
