import type { Cohort } from '@studybridge/studies';
import { SandboxWorld, type WorldOptions } from '../../src/world/world';
import { StubRedcap } from './stub-redcap';

/** A cohort of nobody: one day, and what the test puts in. */
export function tinyCohort(more: Partial<Cohort> = {}): Cohort {
  return {
    id: 'tiny',
    study: 'tiny',
    projectXml: 'Tiny',
    startAt: '2018-09-03T12:00:00.000Z',
    endAt: '2018-09-04T12:00:00.000Z',
    serverZone: 'America/Los_Angeles',
    timeline: [],
    handsets: [],
    situations: [],
    ...more,
  };
}

const open: SandboxWorld[] = [];

/** A world around the stub, listening; closed by `closeWorlds`. */
export async function openWorld(options: WorldOptions = {}): Promise<{ world: SandboxWorld; url: string }> {
  const world = new SandboxWorld({ agile: { key: 'key', programs: ['ismile'] }, ...options }, (p) => new StubRedcap(p));
  open.push(world);
  const { url } = await world.listen(0);
  return { world, url };
}

export async function closeWorlds(): Promise<void> {
  for (const world of open.splice(0)) await world.close();
}

/** A call to the texting partner: status, headers and JSON (null when there is none). */
export async function agile(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: any }> {
  const response = await fetch(`${url}/agile/v1/programs/ismile${path}`, {
    method,
    headers: { authorization: 'Bearer key', 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // an answer that is no JSON
  }
  return { status: response.status, headers: response.headers, body: json };
}

/** An invented caregiver, ready to be enrolled. */
export function caregiver(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    externalId: 'p-1',
    firstName: 'Ana',
    lastName: 'Díaz',
    gender: 'female',
    mobile: '+16175550123',
    language: 'es',
    childFirstName: 'Leo',
    childGender: 'male',
    childDob: '2014-03-09',
    siteCode: 'BMC',
    timezone: 'America/New_York',
    attributes: { brushFrequency: 'once_daily', bottleInBed: false },
    ...more,
  };
}

/** Moves the world on by so many minutes. */
export function later(world: SandboxWorld, minutes: number): void {
  world.advanceTo(new Date(world.now.getTime() + minutes * 60_000));
}
