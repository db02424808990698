import type { Row } from '@studybridge/contracts';
import fc from 'fast-check';
import { cellReader, MappingError, rowsOf } from '../src';
import { codebook, from, partnerMapping, type Partner } from './fixture';

const person = (values: Record<string, string>): Row => ({
  event: 'baseline_arm_1',
  instrument: 'person',
  instance: 0,
  values,
});
const visit = (event: string, values: Record<string, string>): Row => ({
  event,
  instrument: 'visit',
  instance: 0,
  values,
});

const partners: fc.Arbitrary<Partner> = fc.record(
  {
    name: fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name.trim() !== ''),
    language: fc.constantFrom('en' as const, 'es' as const),
    came: fc.boolean(),
    extra: fc.record(
      { grams: fc.nat(500).map((kilo) => kilo * 1000), nuts: fc.boolean(), source: fc.constant('redcap') },
      { requiredKeys: ['source'] },
    ),
  },
  { requiredKeys: ['name', 'language', 'extra'] },
);

describe('a two-way mapping', () => {
  it('reads each field from its own event', () => {
    const rows = [
      person({ first_name: 'Ana', language: '2', weight: '13', allergy___1: '1' }),
      visit('baseline_arm_1', { came: '1' }),
      visit('follow_up_arm_1', { came: '0' }),
    ];
    expect(partnerMapping.decode(rows)).toEqual({
      name: 'Ana',
      language: 'es',
      came: false,
      extra: { grams: 13000, nuts: true, source: 'redcap' },
    });
  });

  it('leaves an optional blank out, and writes a left-out one as blank', () => {
    const decoded = partnerMapping.decode([person({ first_name: 'Ana', language: '1', weight: ' ' })]);
    expect(Object.keys(decoded)).toEqual(['name', 'language', 'extra']);
    expect(partnerMapping.encode(decoded)).toContainEqual({
      event: 'follow_up_arm_1',
      instrument: 'visit',
      instance: 0,
      field: 'came',
      value: '',
    });
  });

  it('gives back every partner shape it was given', () => {
    fc.assert(
      fc.property(partners, (partner) => {
        expect(partnerMapping.decode(rowsOf(partnerMapping.encode(partner)))).toEqual(partner);
      }),
    );
  });

  it('merges clear and identifying values that come as two rows', () => {
    const rows = [person({ language: '1' }), person({ first_name: 'Ana' })];
    expect(partnerMapping.decode(rows)).toMatchObject({ name: 'Ana', language: 'en' });
  });

  it('never takes a repeat instance for the row itself', () => {
    const repeated = { ...person({ first_name: 'Wrong' }), instance: 2 };
    expect(partnerMapping.decode([repeated, person({ first_name: 'Ana', language: '1' })]).name).toBe('Ana');
  });

  it.each([
    ['an unknown code', { first_name: 'Ana', language: '3' }],
    ['an inherited name as code', { first_name: 'Ana', language: 'constructor' }],
    ['a blank that is not optional', { first_name: 'Ana' }],
    ['a text that the conversion refuses', { first_name: 'Ana', language: '1', weight: 'heavy' }],
  ])('refuses %s, as that participant’s error, without telling the value', (_, values) => {
    const error = thrownBy(() => partnerMapping.decode([person(values)]));
    expect(error).toBeInstanceOf(MappingError);
    expect(error).toMatchObject({ code: 'UNKNOWN_CODE', errorClass: 'participant', retryable: false });
    for (const value of Object.values(values)) expect(`${error.message} ${error.remedy}`).not.toContain(` ${value}`);
  });

  it('refuses a partner’s word that no code stands for', () => {
    const strange = { name: 'Ana', language: 'fr', extra: { source: 'redcap' } } as unknown as Partner;
    expect(() => partnerMapping.encode(strange)).toThrow(MappingError);
  });

  it('refuses a fixed value that came back changed', () => {
    expect(() => partnerMapping.encode({ name: 'Ana', language: 'en', extra: { source: 'elsewhere' } })).toThrow(
      MappingError,
    );
  });

  it('cannot be defined with one word for two codes', () => {
    expect(() => from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'en' })).toThrow('share a word');
  });

  it('knows where each field stands', () => {
    expect(
      partnerMapping.fields.map((field) => [field.partnerField, field.event, field.field, field.optional]),
    ).toEqual([
      ['name', 'baseline_arm_1', 'first_name', false],
      ['language', 'baseline_arm_1', 'language', false],
      ['came', 'follow_up_arm_1', 'came', true],
      ['extra.grams', 'baseline_arm_1', 'weight', true],
      ['extra.nuts', 'baseline_arm_1', 'allergy___1', true],
    ]);
  });
});

describe('cellReader', () => {
  it('reads by the codebook’s names, blank where there is nothing', () => {
    const read = cellReader(codebook);
    const rows = [person({ first_name: 'Ana' }), visit('follow_up_arm_1', { came: '1' })];
    expect(read(rows, 'baseline_arm_1', 'first_name')).toBe('Ana');
    expect(read(rows, 'follow_up_arm_1', 'came')).toBe('1');
    expect(read(rows, 'baseline_arm_1', 'came')).toBe('');
  });
});

function thrownBy(work: () => unknown): MappingError {
  try {
    work();
  } catch (error) {
    return error as MappingError;
  }
  throw new Error('nothing was thrown');
}
