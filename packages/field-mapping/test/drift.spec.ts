import { checkMapping, parseChoices, type DictionaryField } from '../src';
import { dictionary, eventMap, field, partnerMapping } from './fixture';

const changed = (name: string, to: Partial<DictionaryField>): DictionaryField[] =>
  dictionary.map((row) => (row.field_name === name ? { ...row, ...to } : row));

const sentences = (live: DictionaryField[], map = eventMap): [string, string][] =>
  checkMapping(partnerMapping, live, map).map((problem) => [problem.partnerField, problem.sentence]);

describe('checkMapping', () => {
  it('finds nothing in the project that the mapping was made for', () => {
    expect(checkMapping(partnerMapping, dictionary, eventMap)).toEqual([]);
  });

  it('accepts what makes no difference: other labels, blanks, a dropdown for a radio, a new field', () => {
    const live = [
      ...changed('language', { field_type: 'dropdown', select_choices_or_calculations: '2,Español|1, Inglés' }),
      field('new_one', 'person', 'text'),
    ];
    expect(sentences(live)).toEqual([]);
  });

  it('names a gained and a lost code', () => {
    expect(sentences(changed('language', { select_choices_or_calculations: '1, English | 4, French' }))).toEqual([
      ['language', 'The field language gained the code 4 (French), which the mapping does not know.'],
      ['language', 'The field language lost the code 2, which the mapping still uses.'],
    ]);
  });

  it('names a field that is gone', () => {
    const live = dictionary.filter((row) => row.field_name !== 'first_name');
    expect(sentences(live)).toEqual([['name', 'The field first_name is gone from the dictionary, or was renamed.']]);
  });

  it('names a changed type once, without its codes', () => {
    expect(sentences(changed('language', { field_type: 'text', select_choices_or_calculations: '' }))).toEqual([
      ['language', 'The field language changed its type from radio to text.'],
    ]);
  });

  it('names a changed validation', () => {
    expect(sentences(changed('weight', { text_validation_type_or_show_slider_number: 'integer' }))).toEqual([
      ['extra.grams', 'The field weight changed its validation from number to integer.'],
    ]);
  });

  it('names a lost checkbox option', () => {
    expect(sentences(changed('allergy', { select_choices_or_calculations: '2, Milk' }))).toEqual([
      ['extra.nuts', 'The field allergy lost the option 1, which the mapping uses.'],
    ]);
  });

  it('names an instrument that no longer lives in the event, and touches only what is read there', () => {
    const map = eventMap.filter((row) => row.unique_event_name !== 'follow_up_arm_1');
    expect(sentences(dictionary, map)).toEqual([
      ['came', 'The instrument visit is not designated to the event follow_up_arm_1, where came is read.'],
    ]);
  });

  it('names a field that moved to another instrument, and that it no longer stands in the event', () => {
    expect(sentences(changed('came', { form_name: 'elsewhere' }))).toEqual([
      ['came', 'The field came moved from the instrument visit to elsewhere.'],
      ['came', 'The instrument elsewhere is not designated to the event follow_up_arm_1, where came is read.'],
    ]);
  });
});

describe('parseChoices', () => {
  it('takes commas in labels, blanks, and choices without a label', () => {
    const choices = parseChoices({
      field_type: 'radio',
      select_choices_or_calculations: '1, Yes, always| 2,No |plain',
    });
    expect([...choices]).toEqual([
      ['1', 'Yes, always'],
      ['2', 'No'],
      ['plain', 'plain'],
    ]);
  });

  it('finds none in a text field or a calculation', () => {
    expect(parseChoices({ field_type: 'calc', select_choices_or_calculations: 'if([a], 1, 2)' }).size).toBe(0);
  });
});
