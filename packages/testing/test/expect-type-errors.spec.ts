import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expectTypeErrors } from '../src';

describe('expectTypeErrors', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(path.join(__dirname, 'fixtures', 'made-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function file(text: string): string {
    const made = path.join(folder, 'made.types.ts');
    writeFileSync(made, text);
    return made;
  }

  it('gives what was refused, with line and code', () => {
    const refusals = expectTypeErrors(path.join(__dirname, 'fixtures/good.types.ts'));
    expect(refusals.map(({ line, codes }) => ({ line, codes }))).toEqual([
      { line: 3, codes: [2322] },
      { line: 5, codes: [2339] },
    ]);
  });

  it('fails when a line compiles that must not, and when another line does not', () => {
    const text = '// @ts-expect-error\nexport const fine: number = 1;\nexport const wrong: string = 1;\n';
    expect(() => expectTypeErrors(file(text))).toThrow('line 2 compiles, but must not');
    expect(() => expectTypeErrors(file(text))).toThrow('line 3 does not compile: TS2322');
  });

  it('fails when a line is refused for another reason than the one named', () => {
    const text = '// @ts-expect-error TS2345\nexport const wrong: string = 1;\n';
    expect(() => expectTypeErrors(file(text))).toThrow('line 2 is refused by TS2322');
  });

  it('fails on a file that expects nothing', () => {
    expect(() => expectTypeErrors(file('export const fine = 1;\n'))).toThrow('it holds no');
  });
});
