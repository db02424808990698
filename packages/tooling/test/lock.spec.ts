import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const lock = path.resolve(__dirname, '../bin/lock.js');
const started: ChildProcess[] = [];
let folder: string;

beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'studybridge-lock-'))));
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A process that asks for the lock; it says `waits`, then `holds`, and lets go when a line reaches it. */
function contender(o: { helperPid?: number } = {}) {
  const script = `
    const { withLock } = require(${JSON.stringify(lock)});
    withLock(${JSON.stringify(path.join(folder, 'lock'))}, async (alsoHeldBy) => {
      if (${o.helperPid ?? 0}) alsoHeldBy(${o.helperPid ?? 0});
      console.log('holds');
      await new Promise((done) => process.stdin.once('data', done));
    }, () => console.log('waits')).then(() => process.exit(0));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    says: async () => (await lines.next()).value as string,
    letGo: async () => {
      child.stdin.write('now\n');
      await once(child, 'exit');
    },
    die: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('the lock of a checkout', () => {
  it('is held by one process, then by the next, and leaves nothing behind', async () => {
    const one = contender();
    expect(await one.says()).toBe('holds');
    const two = contender();
    expect(await two.says()).toBe('waits');
    await one.letGo();
    expect(await two.says()).toBe('holds');
    await two.letGo();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('passes on when its holder is killed', async () => {
    const one = contender();
    expect(await one.says()).toBe('holds');
    await one.die();
    expect(await contender().says()).toBe('holds');
  });

  it('stays with the program its killed holder had started, until that ends too', async () => {
    const helper = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    started.push(helper);
    const one = contender({ helperPid: helper.pid });
    expect(await one.says()).toBe('holds');
    await one.die();
    const two = contender();
    expect(await two.says()).toBe('waits');
    helper.kill('SIGKILL');
    expect(await two.says()).toBe('holds');
  });
});
