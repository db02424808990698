import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { generatedFiles } from '../src/codebook/generate';
import { renderCodebook } from '../src/codebook/render-codebook';
import { readProjectFiles } from '../src/codebook/read-project-files';

const source = path.join(__dirname, '../src');

describe('what is generated', () => {
  it.each([...generatedFiles(source)])('%s is not stale', (name, text) => {
    const file = path.join(source, name);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(text);
  });

  it('covers the registry and both files of every study', () => {
    expect([...generatedFiles(source).keys()]).toEqual(
      expect.arrayContaining(['registry.ts', 'ismile/codebook.ts', 'ismile/project-data.ts']),
    );
  });

  it('changes when the dictionary changes', () => {
    const files = readProjectFiles(path.join(source, 'ismile/project'));
    const more = files.dictionary.map((field) =>
      field.field_name === 'part_lang'
        ? { ...field, select_choices_or_calculations: '1, English | 2, Spanish | 3, Haitian Creole' }
        : field,
    );
    const text = renderCodebook({ ...files, dictionary: more });
    expect(text).not.toBe(renderCodebook(files));
    expect(text).toContain('"3":"Haitian Creole"');
  });

  it('makes one column per option of a checkbox', () => {
    const files = readProjectFiles(path.join(source, 'ismile/project'));
    const dictionary = files.dictionary.map((field) =>
      field.field_name === 'bs_topic_choice' ? { ...field, field_type: 'checkbox' } : field,
    );
    const text = renderCodebook({ ...files, dictionary });
    expect(text).toContain('"bs_topic_choice___6": {"instrument":"baseline_survey","type":"checkbox"');
    expect(text).not.toContain('"bs_topic_choice":');
  });
});
