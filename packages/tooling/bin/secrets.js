#!/usr/bin/env node
'use strict';
// Makes the secret files that docker-compose.yml mounts: once, readable by their owner only. What exists is left alone.
//   node packages/tooling/bin/secrets.js [--dir .data/secrets] [--uid 1000] [--sandbox]
// --sandbox fills in the sandbox's own tokens and partner key; without it those files are yours to bring.
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const root = path.resolve(__dirname, '../../..');
const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: path.join(root, '.data/secrets') },
    uid: { type: 'string', default: process.env.STUDYBRIDGE_UID ?? '1000' },
    sandbox: { type: 'boolean', default: false },
  },
});

/** The sandbox's own credentials; they open nothing but the sandbox. Needs a build. */
const ofSandbox = (name) =>
  values.sandbox ? require(path.join(root, 'packages/sandbox/dist')).sandboxToken(name) : undefined;

fs.mkdirSync(values.dir, { recursive: true, mode: 0o700 });

function secret(name, make, mode = 0o600) {
  const file = path.join(values.dir, name);
  if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8').trim();
  const text = make();
  if (text === undefined) {
    console.log(`missing   ${file}  (yours to bring: one line, mode 0600)`);
    return undefined;
  }
  fs.writeFileSync(file, `${text}\n`, { mode, flag: 'wx' });
  console.log(`made      ${file}`);
  return text;
}

// PostgreSQL's image may read it as a user of its own, whose number is not ours to know; the folder keeps others out.
const password = secret('postgres-password', () => randomBytes(24).toString('hex'), 0o644);
secret('database-url', () => `postgres://studybridge:${password}@postgres:5432/postgres`);
secret('ops-token', () => randomBytes(24).toString('hex'));
secret('study-keys', () =>
  JSON.stringify({ ismile: { current: 'k1', keys: { k1: randomBytes(32).toString('base64') } } }),
);
secret('redcap-token-ismile', () => ofSandbox('ismile'));
secret('agile-health-key', () => ofSandbox('agile-health'));
secret('twilio-auth-token', () => ofSandbox('twilio auth token')?.toLowerCase());
// A mail server that asks for no user needs none; the file must be there all the same.
secret('smtp-password', () => 'none');

// Containers run as this user, and a secret may be read by its owner only.
if (process.getuid?.() === 0) {
  for (const name of fs.readdirSync(values.dir)) fs.chownSync(path.join(values.dir, name), Number(values.uid), -1);
  fs.chownSync(values.dir, Number(values.uid), -1);
}
