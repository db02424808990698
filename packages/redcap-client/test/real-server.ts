import { readFileSync } from 'node:fs';
import path from 'node:path';
import axios from 'axios';
import { createWorld, type World } from '@studybridge/sandbox';
import { createRedcapClient, type RedcapClient, type RedcapClientOptions } from '../src';

/** A classic project with surveys, files, groups and roles; a longitudinal one with two arms and repeats. */
export type Fixture = 'clinic' | 'longitudinal';
export const tokens: Record<Fixture, string> = {
  clinic: 'C11C11C11C11C11C11C11C11C11C11C1',
  longitudinal: '10161016101610161016101610161016',
};
export const superToken = 'AB'.repeat(32);

export const fixture = (name: Fixture): string =>
  readFileSync(path.join(__dirname, `../../sandbox/test/fixtures/${name}.xml`), 'utf8');

/** The sandbox's REDCap over real HTTP. */
export async function openServer(): Promise<{
  world: World;
  url: string;
  client(token: string, options?: Partial<RedcapClientOptions>): RedcapClient;
  close(): Promise<void>;
}> {
  const world = createWorld({
    projects: (Object.keys(tokens) as Fixture[]).map((name) => ({ xml: fixture(name), token: tokens[name] })),
    redcap: { superToken },
    startAt: new Date('2024-03-10T17:00:00Z'),
    serverZone: 'America/Los_Angeles',
  });
  const { url } = await world.listen(0);
  return {
    world,
    url: `${url}/redcap/api/`,
    client: (token, options = {}) =>
      createRedcapClient({
        url: `${url}/redcap/api/`,
        token,
        http: axios.create(),
        timeoutMs: 10_000,
        retry: { attempts: 3, baseDelayMs: 1 },
        ...options,
      }),
    close: () => world.close(),
  };
}
