import { openCellValue, sealCellValue } from './cell-value';
import { openPerson, sealPerson } from './person';
import { createSealer } from './sealer';
import { generateStudyKeys, parseStudyKeys } from './study-keys';

const json = generateStudyKeys(['ismile', 'co-op']);
const sealer = createSealer(json);
const value = { cg_first: 'Ada', cg_mobile: '+16175550142' };

it('opens what it sealed, and never seals alike twice', () => {
  const one = sealer.seal('ismile', 'participant 7', value);
  const two = sealer.seal('ismile', 'participant 7', value);
  expect(sealer.open('ismile', 'participant 7', one)).toEqual(value);
  expect(one.data).not.toBe(two.data);
  expect(Buffer.from(one.data, 'base64').toString()).not.toContain('Ada');
});

it('opens an envelope only where it belongs and unchanged', () => {
  const sealed = sealer.seal('ismile', 'participant 7', value);
  const changed = Buffer.from(sealed.data, 'base64');
  changed[0] = (changed[0] ?? 0) ^ 1;
  const broken = expect.objectContaining({ code: 'SEAL_BROKEN' }) as unknown;
  expect(() => sealer.open('ismile', 'participant 8', sealed)).toThrow(broken as Error);
  expect(() => sealer.open('co-op', 'participant 7', sealed)).toThrow(broken as Error);
  expect(() => sealer.open('ismile', 'participant 7', { ...sealed, data: changed.toString('base64') })).toThrow(
    broken as Error,
  );
  expect(() => sealer.open('ismile', 'participant 7', { ...sealed, data: '' })).toThrow(broken as Error);
});

it('seals the value of a cell for this cell of this participant only', () => {
  const cell = {
    study: 'ismile',
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    event: 'month_2_arm_2',
    instrument: 'sms_survey_log',
    instance: 1,
    field: 'txt_mobile_number',
  };
  const sealed = sealCellValue(sealer, cell, '6175550142');
  expect(openCellValue(sealer, cell, sealed)).toBe('6175550142');
  expect(openCellValue(sealer, cell, 'in the clear')).toBe('in the clear');
  expect(() => openCellValue(sealer, { ...cell, instance: 2 }, sealed)).toThrow(/does not open/);
  expect(() => openCellValue(sealer, { ...cell, participantId: 'another' }, sealed)).toThrow(/does not open/);
});

it('merges what identifies a person into the rows it was taken from, for this person only', () => {
  const who = { study: 'ismile', participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11' };
  const at = { event: 'baseline_arm_1', instrument: 'enrolment', instance: 0 };
  const rows = [{ ...at, values: { age: '2' } }];
  const sealed = sealPerson(sealer, who, [
    { ...at, values: { cg_first: 'Ada' } },
    { ...at, instance: 1, values: { cg_mobile: '6175550142' } },
  ]);
  expect(openPerson(sealer, { ...who, rows, sealed })).toEqual([
    { ...at, values: { age: '2', cg_first: 'Ada' } },
    { ...at, instance: 1, values: { cg_mobile: '6175550142' } },
  ]);
  expect(() => openPerson(sealer, { ...who, participantId: 'another', rows, sealed })).toThrow(/does not open/);
});

it('keeps old envelopes and fingerprints across a change of keys', () => {
  const sealed = sealer.seal('ismile', 'c', value);
  const print = sealer.fingerprint('ismile', 'mobile', '+16175550142');
  const rotated = parseStudyKeys(json) ?? {};
  const fresh = parseStudyKeys(generateStudyKeys(['ismile']))?.['ismile']?.keys['k1'] ?? '';
  const keys = { ...rotated['ismile']?.keys, k2: fresh };
  const after = createSealer(JSON.stringify({ ismile: { current: 'k2', keys } }));
  expect(after.open('ismile', 'c', sealed)).toEqual(value);
  expect(after.seal('ismile', 'c', value).keyId).toBe('k2');
  expect(after.fingerprint('ismile', 'mobile', '+16175550142')).toBe(print);
});

it('gives fingerprints that differ by study and purpose', () => {
  const print = sealer.fingerprint('ismile', 'mobile', '+16175550142');
  expect(print).toMatch(/^[0-9a-f]{64}$/);
  expect(sealer.fingerprint('ismile', 'name', '+16175550142')).not.toBe(print);
  expect(sealer.fingerprint('co-op', 'mobile', '+16175550142')).not.toBe(print);
});

it('refuses unknown studies, unknown keys and texts that are no keys', () => {
  expect(() => sealer.seal('beecon', 'c', 1)).toThrow(/no key for study beecon/);
  const sealed = sealer.seal('ismile', 'c', 1);
  expect(() => sealer.open('ismile', 'c', { ...sealed, keyId: 'k9' })).toThrow(/no key for study/);
  for (const text of [
    '',
    '{',
    '{"ismile":{"current":"k1","keys":{"k1":"c2hvcnQ="}}}',
    '{"a":{"current":"k2","keys":{}}}',
  ]) {
    expect(() => createSealer(text)).toThrow(/not a set of study keys/);
  }
});
