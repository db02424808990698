'use strict';
// One process of this machine at a time. Plain JavaScript on Node's own modules: it runs before anything is installed.
const { execFileSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** Tells one life of a process number from another; '' when it does not live. */
function lifeOf(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19];
    }
    if (process.platform === 'win32') return process.kill(pid, 0) ? 'lives' : '';
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
};

/** A link appears complete or not at all. */
function take(file, content) {
  const draft = `${file}.${process.pid}.${randomUUID()}`;
  fs.writeFileSync(draft, content);
  try {
    fs.linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** Moves a lock aside when its holder and the programs it started are dead. */
function breakDead(file) {
  const seen = read(file);
  if (seen === null) return true;
  if (JSON.parse(seen).lives.some(({ pid, life }) => lifeOf(pid) === life)) return false;
  const aside = `${file}.dead.${randomUUID()}`;
  try {
    fs.renameSync(file, aside);
  } catch {
    return true;
  }
  if (read(aside) !== seen && !fs.existsSync(file)) fs.linkSync(aside, file);
  fs.rmSync(aside, { force: true });
  return true;
}

/**
 * Runs `work(alsoHeldBy)` while nobody else holds `file`. A program whose number was given to `alsoHeldBy` keeps the lock
 * even when this process is killed: an npm left alone goes on writing. `onWait` is called once, when it has to wait.
 */
async function withLock(file, work, onWait = () => undefined) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const holder = { token: randomUUID(), lives: [{ pid: process.pid, life: lifeOf(process.pid) }] };
  let told = false;
  while (!take(file, JSON.stringify(holder))) {
    if (breakDead(file)) continue;
    if (!told) onWait();
    told = true;
    await sleep(200);
  }
  const alsoHeldBy = (pid) => {
    holder.lives.push({ pid, life: lifeOf(pid) });
    fs.writeFileSync(`${file}.${holder.token}`, JSON.stringify(holder));
    fs.renameSync(`${file}.${holder.token}`, file);
  };
  try {
    return await work(alsoHeldBy);
  } finally {
    if (read(file)?.includes(holder.token)) fs.rmSync(file, { force: true });
  }
}

module.exports = { withLock };
