import path from 'node:path';
import { createWorld } from '@studybridge/sandbox';
import { readOptions } from './read-options';

const classic = path.resolve(__dirname, '../../../packages/sandbox/test/fixtures/classic.xml');
const superToken = 'Ab3'.repeat(21) + 'Z';

it('has a default for everything', () => {
  expect(readOptions([])).toEqual({
    help: false,
    port: 4000,
    host: '127.0.0.1',
    mailPort: 4025,
    pairs: 120,
    projects: [],
    redcap: {},
    serverZone: undefined,
    stateFile: undefined,
    speed: 0,
    latencyMs: 0,
    faults: [],
  });
});

it('takes mail beside its own port, unless it is told where', () => {
  expect(readOptions(['--port', '4100']).mailPort).toBe(4125);
  expect(readOptions(['--port', '0']).mailPort).toBe(0);
  expect(readOptions(['--mail-port', '2525']).mailPort).toBe(2525);
});

it('opens own projects without a cohort, in the present, with the choices made for all of them', () => {
  const token = '0123456789abcdef0123456789abcdef';
  const options = readOptions(
    ['--project', `${classic}=${token}`, '--project', classic, '--seed-records', '7', '--calcs', 'drop'],
    { SANDBOX_SUPER_TOKEN: superToken },
  );
  expect(options).toMatchObject({ pairs: null, speed: 'present', redcap: { superToken } });
  expect(options.projects).toEqual([
    { name: 'classic.xml', xml: expect.any(String), token: token.toUpperCase(), seedRecords: 7, calcs: 'drop' },
    { name: 'classic.xml', xml: expect.any(String), token: undefined, seedRecords: 7, calcs: 'drop' },
  ]);
  expect(readOptions(['--super', superToken.toLowerCase()], { SANDBOX_SUPER_TOKEN: superToken }).redcap).toEqual({
    superToken: superToken.toLowerCase(),
  });
  expect(readOptions(['--project', classic, '--speed', '0'], { SANDBOX_SUPER_TOKEN: '' })).toMatchObject({
    speed: 0,
    redcap: {},
  });
});

it.each([
  [['--project', '/nowhere/project.xml'], '/nowhere/project.xml cannot be read (ENOENT).'],
  [['--cohort', 'everyone'], '--cohort everyone is none that there is.'],
  [['--cohort', 'ismile-900'], '--cohort ismile-900 is none that there is.'],
  [['--port', 'http'], '--port http is no number that fits.'],
  [['--mail-port', '1.5'], '--mail-port 1.5 is no number that fits.'],
  [['--port', '70000'], '--port 70000 is no number that fits.'],
  [['--faults', classic], 'classic.xml is no JSON.'],
  [['--seed-records', '5'], 'no --project is given'],
  [['--seed-records=-5', '--project', classic], '--seed-records -5 is no number that fits.'],
  [['--super', 'secret-and-short'], '--super does not have the form it needs.'],
  [['--version', '15'], '--version does not have the form'],
  [['--public-url', 'surveys'], '--public-url does not have the form'],
  [['--calcs', 'guess'], '--calcs guess is none that there is.'],
  [['--choice-spacing', 'some'], '--choice-spacing some is none that there is.'],
  [['--server-zone', 'Mars/Base'], '--server-zone Mars/Base is no zone that there is.'],
  [['--rate-limit', 'many'], '--rate-limit many is no number that fits.'],
])('says what is wrong with %j', (args, sentence) => {
  expect(() => readOptions(args)).toThrow(sentence);
});

it('repeats no secret', () => {
  for (const [args, env] of [
    [['--super', 'secret-and-short'], {}],
    [[], { SANDBOX_SUPER_TOKEN: 'secret-and-short' }],
  ] as [string[], Record<string, string>][]) {
    expect(() => readOptions(args, env)).toThrow(/^((?!secret-and-short)[\s\S])*$/);
  }
});

it('one project twice needs two tokens', () => {
  const { projects } = readOptions(['--project', classic, '--project', classic]);
  expect(() => createWorld({ projects })).toThrow('classic.xml has the token of another one.');
});
