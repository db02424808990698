import axios from 'axios';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ismileCohort } from '@studybridge/studies';
import { freePort } from '@studybridge/testing';
import { comparable, keptWorldState, worldState } from './support/comparable-state';
import { lastJson, runStandalone, temporaryFolder, top } from './support/processes';
import { playToTheEnd, surveyAddress } from './support/separate-processes';

/** docker-compose.yml for real: built, started, scaled, played through, compared with one process. */
describe('docker compose with several replicas', () => {
  const temporary = temporaryFolder();
  const secrets = path.join(temporary.folder, 'secrets');
  const uid = process.getuid?.() === 0 ? '1000' : String(process.getuid?.() ?? 1000);
  const env: Record<string, string | undefined> = {
    ...process.env,
    STUDYBRIDGE_SECRETS: secrets,
    STUDYBRIDGE_UID: uid,
    STUDYBRIDGE_GID: uid,
  };
  const compose = (...args: string[]): string =>
    execFileSync(
      'docker',
      [
        'compose',
        '-p',
        'studybridge-deploy-test',
        '--env-file',
        'packages/tooling/docker/sandbox.env',
        '--profile',
        'sandbox',
        ...args,
      ],
      {
        cwd: top,
        env: env as NodeJS.ProcessEnv,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        maxBuffer: 256 << 20,
      },
    );
  let sandboxUrl: string;

  beforeAll(async () => {
    execFileSync(process.execPath, ['packages/tooling/bin/secrets.js', '--sandbox', '--dir', secrets, '--uid', uid], {
      cwd: top,
    });
    const port = await freePort();
    env.SANDBOX_PORT = String(port);
    env.SANDBOX_PUBLIC_URL = surveyAddress;
    sandboxUrl = `http://127.0.0.1:${port}`;
    compose('down', '--volumes', '--remove-orphans');
    compose(
      'up',
      '-d',
      '--build',
      '--wait',
      '--scale',
      'agile-health=3',
      '--scale',
      'redcap-gateway=2',
      '--scale',
      'messaging=3',
    );
  });

  afterAll(() => {
    compose('down', '--volumes', '--remove-orphans', '--timeout', '5');
    temporary.remove();
  });

  it('runs every replica, each healthy', () => {
    const running = compose('ps', '--format', '{{.Service}} {{.Health}}').trim().split('\n').sort();
    expect(running).toEqual(
      [
        'agile-health',
        'agile-health',
        'agile-health',
        'kafka',
        'messaging',
        'messaging',
        'messaging',
        'postgres',
        'redcap-gateway',
        'redcap-gateway',
        'sandbox',
      ].map((service) => `${service} healthy`),
    );
  });

  it('ends in the same state as one process, cell for cell', async () => {
    const opsToken = readFileSync(path.join(secrets, 'ops-token'), 'utf8').trim();
    await playToTheEnd(
      sandboxUrl,
      ['redcap-gateway', 'agile-health', 'messaging'].map((name) => ({ name, url: `http://${name}:3000` })),
      opsToken,
    );
    const deployed = await worldState(sandboxUrl);

    const data = path.join(temporary.folder, 'one-process');
    const finished = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data });
    expect(lastJson(finished)).toMatchObject({ ok: true });
    const alone = await keptWorldState(ismileCohort({ pairs: 120 }), path.join(data, 'world.json'));

    expect(alone.members.length).toBeGreaterThan(50);
    expect(comparable(deployed)).toEqual(comparable(alone));
    for (const calls of Object.values(deployed.ledger)) expect(calls.posts).toBe(1);
  });

  it('keeps tokens out of what the containers say and are started with', () => {
    const said = spawnSync(
      'docker',
      ['compose', '-p', 'studybridge-deploy-test', 'logs', '--no-color', 'redcap-gateway', 'agile-health', 'messaging'],
      {
        cwd: top,
        env: env as NodeJS.ProcessEnv,
        encoding: 'utf8',
        maxBuffer: 256 << 20,
      },
    ).stdout;
    const started = execFileSync(
      'docker',
      ['inspect', ...compose('ps', '-q', 'redcap-gateway', 'agile-health', 'messaging').trim().split('\n')],
      {
        env: env as NodeJS.ProcessEnv,
        encoding: 'utf8',
      },
    );
    expect(said).toMatch(/started/);
    for (const name of [
      'redcap-token-ismile',
      'agile-health-key',
      'twilio-auth-token',
      'ops-token',
      'postgres-password',
    ]) {
      const secret = readFileSync(path.join(secrets, name), 'utf8').trim();
      expect(said.includes(secret)).toBe(false);
      expect(started.includes(secret)).toBe(false);
    }
  });

  it('answers to nobody outside but the sandbox’s own port', async () => {
    const published = compose('ps', '--format', '{{.Service}} {{.Publishers}}');
    for (const line of published.trim().split('\n')) {
      if (!line.startsWith('sandbox')) expect(line).not.toMatch(/127\.0\.0\.1:\d+|0\.0\.0\.0:\d+/);
    }
    expect((await axios.get(`${sandboxUrl}/__sandbox/clock`)).status).toBe(200);
  });
});
