import { CsvBytes } from '../../src/redcap/csv-bytes';
import { csvCell } from '../../src/redcap/csv-text';

const pieces = [
  'a',
  '7',
  '',
  '"',
  ',',
  ';',
  '\n',
  '\t',
  ' ',
  'é',
  '😀',
  '日本',
  'x'.repeat(300),
  '"'.repeat(90_000),
  'ß'.repeat(70_000),
];

/** Rows of cells that try every letter that matters, in lengths up to beyond a chunk. */
function rows(count: number): string[][] {
  let state = 11;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * sides);
  };
  const piece = (): string => pieces[roll(roll(40) === 0 ? pieces.length : pieces.length - 2)]!;
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + roll(9) }, () => Array.from({ length: roll(5) }, piece).join('')),
  );
}

it.each([',', ';', '|', '^', '\t'])('writes the same bytes as cell by cell, delimiter %j', (delimiter) => {
  const cell = csvCell(delimiter);
  const table = rows(3000);
  const expected = table.map((row) => `${row.map(cell).join(delimiter)}\n`).join('');
  const csv = new CsvBytes(delimiter);
  const chunks = table.flatMap((row) => csv.row(row) ?? []);
  chunks.push(csv.take());
  expect(chunks.length).toBeGreaterThan(3);
  expect(Buffer.concat(chunks).toString('utf8') === expected).toBe(true);
});
