import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createWorld, type World } from '@studybridge/sandbox';
import { expectTypeErrors } from '@studybridge/testing';
import { codebookCommand } from '../src/codebook/codebook-command';
import { ismileXml } from './project-xml';

const token = '0123456789ABCDEF0123456789ABCDEF';
const project = path.join(__dirname, '../../../packages/studies/src/ismile/project');
let folder: string;
let world: World | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'codebook-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await world?.close();
  world = undefined;
});

const file = (name: string, text?: string): string => {
  const full = path.join(folder, name);
  if (text !== undefined) writeFileSync(full, text, { mode: 0o600 });
  return full;
};
const fromFiles = (...more: string[]) =>
  codebookCommand(
    ['--dictionary', path.join(project, 'dictionary.csv'), '--event-map', path.join(project, 'event-map.csv'), ...more],
    {},
  );
const exportsOf = (text: string): string => text.slice(text.indexOf('export const'));

describe('npm run codebook', () => {
  it('says of a live project what its dictionary and event map say', async () => {
    world = createWorld({ projects: [{ xml: ismileXml(), token }] });
    const { url } = await world.listen(0);
    const out = file('codebook.ts');
    const live = ['--url', `${url}/redcap/api/`, '--out', out];
    const said = await codebookCommand([...live, '--token-file', file('token', `${token}\n`)], {});
    expect(said).toMatch(/codebook\.ts: \d+ fields, \d+ events\n$/);
    expect(exportsOf(readFileSync(out, 'utf8'))).toBe(exportsOf(await fromFiles()));
    await codebookCommand([...live, '--token-env', 'A_TOKEN'], { A_TOKEN: token });
    expect(exportsOf(readFileSync(out, 'utf8'))).toBe(exportsOf(await fromFiles()));
  });

  it('types a record by its codes, the same with and without the client’s own type', async () => {
    const text = await fromFiles('--missing-data-codes', 'NI, No information');
    const client = path.join(__dirname, '../../../packages/redcap-client/src/typed-records');
    // A folder of somebody else's, with the settings of this work tree.
    const root = path.join(__dirname, '../../..');
    copyFileSync(path.join(root, 'tsconfig.base.json'), file('tsconfig.base.json'));
    symlinkSync(path.join(root, 'node_modules'), file('node_modules'));
    const out = file('generated.types.ts');
    const use = [
      `import type { RecordOf } from '${client}';`,
      text,
      `declare const record: ExportedRecord;`,
      `export const lang: '1' | '2' | 'NI' | '' = record.part_lang;`,
      `export const event: 'screening_arm_1' | 'baseline_arm_1' | undefined =`,
      `  record.redcap_event_name === 'baseline_arm_1' ? record.redcap_event_name : undefined;`,
      `// @ts-expect-error TS2322 a code that the dictionary does not have`,
      `export const other: '1' | '3' | 'NI' | '' = record.part_lang;`,
      `// @ts-expect-error TS2551 a misspelt field`,
      `export const misspelt = record.part_lnag;`,
      `declare const typed: RecordOf<typeof codebook>;`,
      `export const there: ExportedRecord = typed;`,
      `export const back: RecordOf<typeof codebook> = record;`,
    ].join('\n');
    writeFileSync(out, use);
    expect(expectTypeErrors(out)).toHaveLength(2);
  });

  it('reads a dictionary as the browser downloads it, with codes that REDCap renames in column names', async () => {
    const titles = ['Variable / Field Name', 'Form Name', 'Section Header', 'Field Type', 'Field Label'];
    titles.push('Choices, Calculations, OR Slider Labels', ...Array.from({ length: 12 }, (_, at) => `Column ${at}`));
    const row = (...cells: string[]) => [...cells, ...Array<string>(18 - cells.length).fill('')].map((c) => `"${c}"`);
    const dictionary = file(
      'dictionary.csv',
      `\uFEFF${[
        titles.map((title) => `"${title}"`),
        row('id', 'form', '', 'text'),
        row('about', 'form', '', 'descriptive'),
        row('race', 'form', '', 'checkbox', 'Race', '-4, Other | k>=9, Many'),
        row('mood', 'form', '', 'radio', 'Mood', `1, It's "\"fine"\" | 2, Bad`),
      ].join('\n')}\n`,
    );
    const text = await codebookCommand(['--dictionary', dictionary], {});
    expect(text).toContain(`readonly race____4: '0' | '1' | '';`);
    expect(text).toContain(`readonly race___k__9: '0' | '1' | '';`);
    expect(text).toContain(`readonly mood: '1' | '2' | '';`);
    expect(text).not.toContain('readonly about');
    expect(text).not.toContain('redcap_event_name');
  });

  it.each([
    [['--url', 'http://x/'], 'Give either --token-file or --token-env.'],
    [[], 'Give either --url or --dictionary.'],
    [['--url', 'http://x/', '--dictionary', 'a'], 'Give either --url or --dictionary.'],
    [['--token', token], 'There is an argument that this command does not know.'],
    [['--url', 'http://x/', '--token-env', 'NOPE'], 'The token is not 32 hexadecimal characters.'],
  ])('refuses %j', async (args, message) => {
    await expect(codebookCommand(args, {})).rejects.toMatchObject({ code: 'WRONG_USE', message });
  });

  it('refuses a token that others may read, and files that are something else', async () => {
    const open = file('token', token);
    chmodSync(open, 0o644);
    const refused = codebookCommand(['--url', 'http://127.0.0.1:1/', '--token-file', open], {});
    await expect(refused).rejects.toThrow(/may be read by others/);
    const other = file('a.csv', 'a,b\n1,2\n');
    await expect(codebookCommand(['--dictionary', other], {})).rejects.toThrow(/is no data dictionary/);
    await expect(
      codebookCommand(['--dictionary', path.join(project, 'dictionary.csv'), '--event-map', other], {}),
    ).rejects.toThrow(/is no event map/);
  });

  it('shows no token when REDCap does not answer', async () => {
    const asking = codebookCommand(['--url', 'http://127.0.0.1:1/', '--token-env', 'A'], { A: token });
    const error = await asking.catch((thrown: unknown) => thrown as Error);
    expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain(token);
    expect(error).toMatchObject({ code: 'REDCAP_UNREACHABLE' });
  });
});
