import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A checkout of one made-up app: the real commands, an npm and a turbo that only note that they were called. */
function checkout(): string {
  const top = mkdtempSync(path.join(tmpdir(), 'studybridge-run-'));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(top, file)), { recursive: true });
    writeFileSync(path.join(top, file), text);
  };
  cpSync(path.resolve(__dirname, '../bin'), path.join(top, 'packages/tooling/bin'), { recursive: true });
  write('package.json', '{ "name": "made-up" }');
  write('package-lock.json', '{}');
  write('turbo.json', '{}');
  write('packages/tooling/package.json', '{ "name": "tooling" }');
  write('packages/tooling/swc.json', '{}');
  write('apps/one/package.json', '{ "name": "one", "scripts": { "build": "x" } }');
  write('apps/one/src/main.js', 'source');
  const turbo = `
    const fs = require('node:fs');
    fs.appendFileSync('calls', 'turbo ');
    fs.mkdirSync('apps/one/dist', { recursive: true });
    fs.copyFileSync('apps/one/src/main.js', 'apps/one/dist/main.js');`;
  const npm = `
    const fs = require('node:fs');
    fs.appendFileSync('calls', 'npm ');
    if (fs.existsSync('broken')) { console.error('npm error the mirror is away'); process.exit(1); }
    fs.mkdirSync('node_modules/turbo/bin', { recursive: true });
    fs.writeFileSync('node_modules/turbo/bin/turbo', ${JSON.stringify(turbo)});`;
  write('fake/npm-cli.js', npm);
  return top;
}

const program = (text: string) => `
  process.on('SIGTERM', () => { console.log('asked to stop'); process.exit(7); });
  ${text}`;

describe('run.js', () => {
  let top: string;
  beforeEach(() => (top = checkout()));
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  const args = (...rest: string[]) => [path.join(top, 'packages/tooling/bin/run.js'), 'apps/one', ...rest];
  const env = () => ({ ...process.env, npm_execpath: path.join(top, 'fake/npm-cli.js') });
  const run = (...rest: string[]) =>
    spawnSync(process.execPath, args(...rest), { cwd: tmpdir(), env: env(), encoding: 'utf8' });
  const source = (text: string) => writeFileSync(path.join(top, 'apps/one/src/main.js'), text);
  const calls = () => spawnSync('cat', [path.join(top, 'calls')], { encoding: 'utf8' }).stdout.trim();

  it('installs and builds, runs the program with its arguments and exit code; a second time it only runs', () => {
    source('console.log(process.argv.slice(2).join()); process.exit(3);');
    const first = run('--once', 'x');
    expect(first).toMatchObject({ status: 3, stdout: '--once,x\n' });
    expect(first.stderr).toContain('Installing packages');
    expect(calls()).toBe('npm turbo');

    expect(run('--once', 'y')).toMatchObject({ status: 3, stdout: '--once,y\n', stderr: '' });
    expect(calls()).toBe('npm turbo');

    source('console.log("changed program");');
    expect(run()).toMatchObject({ status: 0, stdout: 'changed program\n' });
    expect(calls()).toBe('npm turbo turbo');

    writeFileSync(path.join(top, 'apps/one/package.json'), '{ "name": "one", "dependencies": { "new": "1.0.0" } }');
    expect(run()).toMatchObject({ status: 0 });
    expect(calls()).toBe('npm turbo turbo npm turbo');
  });

  it('says what npm said when it fails twice, and tries again the next time', () => {
    source('console.log("runs");');
    writeFileSync(path.join(top, 'broken'), '');
    const failed = run();
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('npm error the mirror is away');
    expect(failed.stderr).not.toContain('    at ');
    expect(calls()).toBe('npm npm');
    rmSync(path.join(top, 'broken'));
    expect(run()).toMatchObject({ status: 0, stdout: 'runs\n' });
  });

  it('is the program: a signal reaches it', async () => {
    source(program('console.log("up"); setInterval(() => undefined, 1000);'));
    const child = spawn(process.execPath, args(), { env: env(), stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said === 'up\n') child.kill('SIGTERM');
    }
    if (child.exitCode === null) await once(child, 'exit');
    expect(said).toBe('up\nasked to stop\n');
    expect(child.exitCode).toBe(7);
  });

  it('says which app is missing', () => {
    const missing = spawnSync(process.execPath, [path.join(top, 'packages/tooling/bin/run.js'), 'apps/two'], {
      env: env(),
      encoding: 'utf8',
    });
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain('There is no apps/two/dist/main.js.');
  });
});
