import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateStudyKeys } from '../sealing/study-keys';
import { SettingsError } from '../settings/settings-error';
import { readBindings } from './read-bindings';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bindings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const target = path.join(folder, name);
  writeFileSync(target, content);
  chmodSync(target, 0o600);
  return target;
}

function complaintsOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.complaints.map(({ sentence, remedy }) => `${sentence} ${remedy}`).join('\n');
  }
  return '';
}

describe('from the environment', () => {
  const env = {
    REDCAP_URL: 'https://redcap.example.org/api/',
    REDCAP_TOKEN_ISMILE: 'F00D',
    AGILE_HEALTH_URL: 'https://agile.example.org/',
    AGILE_HEALTH_KEY: 'partner-key',
    GO_LIVE_AT: '2018-09-01T00:00:00-07:00',
  };

  it('makes one binding per token, with the parts that are needed', () => {
    expect(readBindings(env, { needs: ['redcap'] })).toEqual([
      {
        id: 'ismile.production',
        study: 'ismile',
        environment: 'production',
        goLiveAt: new Date('2018-09-01T07:00:00Z'),
        projects: { main: { url: env.REDCAP_URL, token: 'F00D' } },
        jobs: {},
      },
    ]);
    const [agile] = readBindings({ ...env, STUDYBRIDGE_ENVIRONMENT: 'pilot' }, { needs: ['agileHealth'] });
    expect(agile).toMatchObject({ id: 'ismile.pilot', projects: {} });
    expect(agile?.agileHealth).toEqual({ url: 'https://agile.example.org', key: 'partner-key' });
  });

  it('knows the study without a token from STUDIES or the study keys', () => {
    const { AGILE_HEALTH_URL, AGILE_HEALTH_KEY } = env;
    const plain = { AGILE_HEALTH_URL, AGILE_HEALTH_KEY };
    const keys = { ...plain, STUDY_KEYS: generateStudyKeys(['co-op']) };
    expect(readBindings(keys, { needs: ['agileHealth'] })[0]?.study).toBe('co-op');
    expect(readBindings({ ...keys, STUDIES: 'ismile' }, { needs: ['agileHealth'] })[0]?.study).toBe('ismile');
    expect(complaintsOf(() => readBindings(plain, { needs: ['agileHealth'] }))).toMatch(/No study is named/);
  });

  it('names everything that is missing or doubled at once', () => {
    const wrong = {
      REDCAP_TOKEN_ISMILE: 'F00D',
      REDCAP_TOKEN_ISMILE_FILE: file('token', 'F00D'),
      AGILE_HEALTH_URL: 'https://agile.example.org/v1',
      GO_LIVE_AT: 'soon',
    };
    const complaints = complaintsOf(() => readBindings(wrong));
    expect(complaints).toMatch(/REDCAP_URL is missing/);
    expect(complaints).toMatch(/Both REDCAP_TOKEN_ISMILE and REDCAP_TOKEN_ISMILE_FILE are set/);
    expect(complaints).toMatch(/AGILE_HEALTH_URL: the partner’s address ends in \/v1/);
    expect(complaints).toMatch(/AGILE_HEALTH_KEY is missing/);
    expect(complaints).toMatch(/GO_LIVE_AT is not an instant/);
    expect(complaints).not.toMatch(/F00D|soon/);
  });
});

describe('from a YAML file', () => {
  const yaml = (more = ''): string => `
bindings:
  - study: ismile
    environment: production
    goLiveAt: 2018-09-01T00:00:00Z
    projects:
      main:
        url: https://redcap.example.org/api/
        tokenEnv: TOKEN_OF_ISMILE
        expect: { projectId: 12, title: ISMILE, production: true }
        serverZone: America/Los_Angeles
    agileHealth: { url: https://agile.example.org, keyFile: ${file('key', 'partner-key\n')} }
    jobs:
      redcap-poll: { schedules: [{ cron: '*/15 * * * *', zone: America/Los_Angeles }] }
      nightly: { on: false }
${more}`;

  it('reads projects, partner and jobs', () => {
    const env = { BINDINGS_FILE: file('good.yaml', yaml()), TOKEN_OF_ISMILE: 'F00D' };
    expect(readBindings(env)).toEqual([
      {
        id: 'ismile.production',
        study: 'ismile',
        environment: 'production',
        goLiveAt: new Date('2018-09-01T00:00:00Z'),
        projects: {
          main: {
            url: 'https://redcap.example.org/api/',
            token: 'F00D',
            expect: { projectId: 12, title: 'ISMILE', production: true },
            serverZone: 'America/Los_Angeles',
          },
        },
        agileHealth: { url: 'https://agile.example.org', key: 'partner-key' },
        jobs: {
          'redcap-poll': { schedules: [{ cron: '*/15 * * * *', zone: 'America/Los_Angeles' }] },
          nightly: { on: false },
        },
      },
    ]);
  });

  it('does not open the tokens for a service that needs none', () => {
    const env = { BINDINGS_FILE: file('good.yaml', yaml()) };
    expect(readBindings(env, { needs: ['agileHealth'] })[0]?.projects).toEqual({});
    expect(complaintsOf(() => readBindings(env, { needs: ['redcap'] }))).toMatch(/TOKEN_OF_ISMILE is not set/);
  });

  it('refuses unknown keys, secrets in the file, wrong zones and crons, and a binding given twice', () => {
    const env = { TOKEN_OF_ISMILE: 'F00D' };
    const read = (name: string, content: string): string =>
      complaintsOf(() => readBindings({ ...env, BINDINGS_FILE: file(name, content) }));
    expect(read('a', yaml('    colour: red'))).toMatch(/has unknown keys: colour/);
    expect(read('b', yaml().replace('tokenEnv: TOKEN_OF_ISMILE', 'token: F00DF00D'))).toMatch(
      /holds a secret \(token\)/,
    );
    expect(read('b', yaml().replace('tokenEnv: TOKEN_OF_ISMILE', 'token: F00DF00D'))).not.toMatch(/F00DF00D/);
    expect(read('c', yaml().replace('serverZone: America/Los_Angeles', 'serverZone: Mars/One'))).toMatch(/time zone/);
    expect(read('d', yaml().replace('*/15 * * * *', '61 * * * *'))).toMatch(/cron expression/);
    expect(read('e', `${yaml()}  - { study: ismile, environment: production }\n`)).toMatch(/ismile.production twice/);
    expect(read('f', 'bindings: [')).toMatch(/cannot be read as YAML/);
    expect(complaintsOf(() => readBindings({ BINDINGS_FILE: path.join(folder, 'nowhere') }))).toMatch(/ENOENT/);
    expect(complaintsOf(() => readBindings({ BINDINGS_FILE: file('g', yaml()), REDCAP_URL: 'x', ...env }))).toMatch(
      /Both BINDINGS_FILE and REDCAP_URL are set/,
    );
  });
});
