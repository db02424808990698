#!/usr/bin/env node
'use strict';
// Makes a checkout ready to run: installs what is not installed, builds what is not built. Plain JavaScript on Node's own
// modules, since nothing else is there yet. Says what it does on standard error; a second run is done at once.
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { withLock } = require('./lock');

const root = path.resolve(__dirname, '../../..');
const installStamp = path.join(root, 'node_modules/.studybridge-installed');
const buildStamp = path.join(root, '.turbo/studybridge-built');

const say = (line) => process.stderr.write(`${line}\n`);
const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** A sentence for a person, shown without a stack. */
class PrepareError extends Error {}

/** Installs and builds when needed. Safe to run at the same time in several processes, and after being killed. */
async function prepare() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  await withLock(
    path.join(root, '.turbo/studybridge-prepare.lock'),
    async (alsoHeldBy) => {
      if (!isInstalled()) await install(alsoHeldBy);
      if (!isBuilt()) await build(alsoHeldBy);
    },
    () => say('Another process is installing or building this checkout; waiting for it.'),
  );
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new PrepareError(
    `This is Node ${process.versions.node}; Studybridge needs 20.19 or newer (https://nodejs.org).`,
  );
}

async function install(alsoHeldBy) {
  const halfway = fs.existsSync(path.join(root, 'node_modules')) && !read(installStamp);
  fs.rmSync(installStamp, { force: true });
  say('Installing packages (about a minute the first time) …');
  const wanted = installFingerprint();
  // Not `npm ci`: it insists on lock entries for other platforms' packages, which npm itself leaves out. `--no-save` keeps
  // the lock file as it is in git.
  const options = ['install', '--no-save', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const [command, ...first] = npm();
  const attempt = () => run(command, [...first, ...options], 'still installing', alsoHeldBy);
  let result = await attempt();
  if (result.code !== 0) {
    say('That failed; once more, from scratch …');
    if (halfway) fs.rmSync(path.join(root, 'node_modules'), { recursive: true, force: true });
    result = await attempt();
  }
  if (result.code !== 0) {
    throw new PrepareError(
      `npm install failed:\n${result.output.trim()}\nIs the network there, and the disk not full?`,
    );
  }
  fs.writeFileSync(installStamp, wanted);
}

async function build(alsoHeldBy) {
  say('Building …');
  const wanted = buildFingerprint();
  const turbo = path.join(root, 'node_modules/turbo/bin/turbo');
  const result = await run(
    process.execPath,
    [turbo, 'run', 'build', '--output-logs=errors-only', '--ui=stream', '--no-color'],
    'still building',
    alsoHeldBy,
  );
  if (result.code !== 0) throw new PrepareError(`The build failed:\n${result.output.trim()}`);
  fs.mkdirSync(path.dirname(buildStamp), { recursive: true });
  fs.writeFileSync(buildStamp, wanted);
}

/** Runs a program quietly, its output kept for when it fails; a line every ten seconds shows that it lives. */
function run(command, args, stillDoing, alsoHeldBy) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
    });
    if (child.pid) alsoHeldBy(child.pid);
    const tick = setInterval(() => say(`… ${stillDoing} (${Math.round((Date.now() - started) / 1000)} s)`), 10_000);
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const done = (code) => {
      clearInterval(tick);
      resolve({ code, output });
    };
    child.once('error', (error) => {
      keep(error.message);
      done(1);
    });
    child.once('close', (code) => done(code ?? 1));
  });
}

/** npm as it was called, else the one beside this Node, else the one on the path. */
function npm() {
  const candidates = [
    process.env.npm_execpath,
    path.join(path.dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
    path.join(path.dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js'),
  ];
  const script = candidates.find((file) => file && /npm-cli\.js$/.test(file) && fs.existsSync(file));
  return script ? [process.execPath, script] : ['npm'];
}

function isInstalled() {
  return read(installStamp) === installFingerprint();
}

function isBuilt() {
  return read(buildStamp) === buildFingerprint() && built().every((dist) => fs.existsSync(dist));
}

/** What the installation depends on: every wish for a package, the lock, this kind of machine and Node. */
function installFingerprint() {
  const hash = createHash('sha256').update([process.platform, process.arch, process.versions.modules].join());
  hash.update(read(path.join(root, 'package-lock.json')));
  for (const folder of ['.', ...rooms()]) {
    const { name, version, workspaces, overrides, ...rest } = JSON.parse(read(path.join(root, folder, 'package.json')));
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = rest;
    const wishes = [dependencies, devDependencies, optionalDependencies, peerDependencies];
    hash.update(JSON.stringify([folder, name, version, workspaces, overrides, wishes]));
  }
  return hash.digest('hex');
}

/** What the build depends on, by time and size: fast enough for every start. */
function buildFingerprint() {
  const hash = createHash('sha256').update(read(installStamp));
  const note = (file) => {
    const { mtimeMs, size } = fs.statSync(file);
    hash.update(`${path.relative(root, file)} ${mtimeMs} ${size}\n`);
  };
  for (const file of ['turbo.json', 'packages/tooling/swc.json']) note(path.join(root, file));
  for (const folder of rooms()) {
    note(path.join(root, folder, 'package.json'));
    const source = path.join(root, folder, 'src');
    if (!fs.existsSync(source)) continue;
    const files = fs.readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const file of files.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name)).sort()) note(file);
  }
  return hash.digest('hex');
}

function rooms() {
  return ['apps', 'packages'].flatMap((kind) =>
    fs
      .readdirSync(path.join(root, kind))
      .sort()
      .map((name) => `${kind}/${name}`)
      .filter((folder) => fs.existsSync(path.join(root, folder, 'package.json'))),
  );
}

/** The output folders there must be. */
function built() {
  return rooms()
    .filter((folder) => JSON.parse(read(path.join(root, folder, 'package.json'))).scripts?.build)
    .map((folder) => path.join(root, folder, 'dist'));
}

/** Ends a program of ours with a sentence for what people can mend, and with the stack for what they cannot. */
function fail(error) {
  say(error instanceof PrepareError ? error.message : error.stack);
  process.exit(1);
}

module.exports = { PrepareError, fail, prepare, root };

if (require.main === module) prepare().catch(fail);
