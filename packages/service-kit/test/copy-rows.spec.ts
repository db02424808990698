import { testDatabase } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import { copyRows } from '../src/database/copy-rows';

describe('rows copied in a transaction', () => {
  let database: { url: string; drop(): Promise<void> };
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    await dataSource.query('CREATE TABLE copied (n int PRIMARY KEY, said text, kept jsonb, yes boolean)');
  });
  afterEach(() => dataSource.query('TRUNCATE copied'));
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const into = 'copied (n, said, kept, yes)';
  const count = async (): Promise<number> =>
    (await dataSource.query<{ n: number }[]>('SELECT count(*)::int AS n FROM copied'))[0]!.n;

  it('arrive as they are, whatever they hold, many pieces of them', async () => {
    const said = ['', '\\N', 'a\tb\\t', 'two\r\nlines\n', 'Zoë 日本 🪥', '\\.', 'x'.repeat(300_000), "'; --", '\u0001'];
    const json = (text: string) => JSON.stringify({ text, quoted: `"${text}"` });
    const rows = said.map((text, n) => [n, text, json(text.slice(0, 50)), n % 2 === 0] as const);
    await dataSource.transaction((em) => copyRows(em, into, [...rows, [99, null, null, null]]));
    const found = await dataSource.query<{ n: number; said: string; kept: unknown; yes: boolean }[]>(
      'SELECT n, said, kept, yes FROM copied ORDER BY n',
    );
    expect(found.map((row) => row.said)).toEqual([...said, null]);
    expect(found.slice(0, -1).map((row) => row.kept)).toEqual(rows.map((row) => JSON.parse(row[2]) as unknown));
    expect(found.map((row) => row.yes)).toEqual([...rows.map((row) => row[3]), null]);
  });

  it('are taken back with the transaction, and nothing is copied outside of one', async () => {
    await expect(
      dataSource.transaction(async (em) => {
        await copyRows(em, into, [[1, 'one', null, null]]);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(copyRows(dataSource.manager, into, [[1, 'one', null, null]])).rejects.toThrow(/transaction/);
    expect(await count()).toBe(0);
  });

  it('come all or not at all, and the connection serves on', async () => {
    const doubled = Array.from({ length: 5_000 }, (_, n) => [n % 4_999, 'x'.repeat(200), null, null] as const);
    await expect(dataSource.transaction((em) => copyRows(em, into, doubled))).rejects.toMatchObject({ code: '23505' });
    function* breaking(): Generator<[number, string, null, null]> {
      for (let n = 0; n < 5_000; n += 1) yield [n, 'x'.repeat(200), null, null];
      throw new Error('cannot be made');
    }
    await expect(dataSource.transaction((em) => copyRows(em, into, breaking()))).rejects.toThrow('cannot be made');
    expect(await count()).toBe(0);
    await dataSource.transaction((em) => copyRows(em, into, [[1, 'one', null, null]]));
    expect(await count()).toBe(1);
  });
});
