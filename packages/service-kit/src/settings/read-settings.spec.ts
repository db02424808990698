import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { generateStudyKeys } from '../sealing/study-keys';
import { kitSettings } from './kit-settings';
import { readSettings } from './read-settings';
import { SettingsError } from './settings-error';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function secretFile(name: string, content: string, mode = 0o600): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

function complaintsOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.complaints.map(({ sentence, remedy }) => `${sentence} ${remedy}`);
  }
  return [];
}

const o = { service: 'redcap-gateway', secrets: ['PARTNER_KEY'] };
const url = 'postgres://studybridge:pa%20ss@db.example.org:5432/postgres';
const base = { DATABASE_URL: url, STUDY_KEYS: generateStudyKeys(['ismile']) };

it('fills in defaults and points DATABASE_URL at the database of the service', () => {
  const settings = readSettings(kitSettings, { ...base, PORT: '8080', LOG_LEVEL: '' }, o);
  expect(settings).toMatchObject({ PORT: 8080, HOST: '127.0.0.1', LOG_LEVEL: 'info' });
  expect(settings.DATABASE_URL).toBe('postgres://studybridge:pa%20ss@db.example.org:5432/studybridge_redcap_gateway');
});

it('takes the address of the one database as it stands', () => {
  const env = { STUDY_KEYS: base.STUDY_KEYS, DATABASE_URL_REDCAP_GATEWAY: 'postgres://u@h/mine' };
  expect(readSettings(kitSettings, env, o).DATABASE_URL).toBe('postgres://u@h/mine');
});

it('names everything that is wrong at once, with a remedy each and no value', () => {
  const env = {
    PORT: 'eighty-secret',
    LOG_LEVEL: 'loud',
    STUDY_CLOCK_URL: 'ftp://hidden',
    STUDY_KEYS: '{"ismile":"oops"}',
  };
  const complaints = complaintsOf(() => readSettings(kitSettings, env, o));
  expect(complaints).toHaveLength(5);
  for (const name of ['PORT', 'LOG_LEVEL', 'STUDY_CLOCK_URL', 'STUDY_KEYS', 'DATABASE_URL is missing']) {
    expect(complaints.filter((complaint) => complaint.startsWith(name))).toHaveLength(1);
  }
  expect(complaints.join(' ')).not.toMatch(/eighty-secret|loud|hidden|oops/);
});

it.each([
  ['OPS_TOKEN', 'OPS_TOKEN_FILE'],
  ['DATABASE_URL', 'DATABASE_URL_REDCAP_GATEWAY'],
  ['DATABASE_URL', 'DATABASE_URL_REDCAP_GATEWAY_FILE'],
])('refuses %s beside %s', (one, other) => {
  const file = secretFile('doubled', 'postgres://u@h/other-doubled-value');
  const values = { ...base, [one]: url, [other]: other.endsWith('_FILE') ? file : url };
  const complaints = complaintsOf(() => readSettings(kitSettings, values, o));
  expect(complaints).toEqual([`Both ${one} and ${other} are set. Keep one of the two.`]);
});

describe('a secret in a file', () => {
  const schema = z.object({ PARTNER_KEY: z.string() });

  it('is read without its line break', () => {
    const file = secretFile('key', 'a secret\n');
    expect(readSettings(schema, { PARTNER_KEY_FILE: file }, o)).toEqual({ PARTNER_KEY: 'a secret' });
  });

  it.each([0o640, 0o604, 0o660])('is refused with mode %o', (mode) => {
    const file = secretFile('open', 'a secret', mode);
    const complaints = complaintsOf(() => readSettings(schema, { PARTNER_KEY_FILE: file }, o));
    expect(complaints).toEqual([
      `PARTNER_KEY_FILE: ${file} is open to others than its owner. Close it with: chmod 600 ${file}`,
    ]);
  });

  it('is refused when missing, empty or a folder, with one complaint', () => {
    for (const file of [path.join(folder, 'nowhere'), secretFile('empty', '\n'), folder]) {
      expect(complaintsOf(() => readSettings(schema, { PARTNER_KEY_FILE: file }, o))).toHaveLength(1);
    }
  });
});
