import { testDatabase } from '@studybridge/testing';
import { PreparedClient } from '../src/database/prepared-client';

describe('a client that prepares', () => {
  let database: { url: string; drop(): Promise<void> };
  let client: PreparedClient;

  beforeAll(async () => {
    database = await testDatabase();
    client = new PreparedClient({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  const prepared = async (like: string): Promise<number> => {
    const { rows } = await client.query<{ n: number }>({
      text: 'SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement LIKE $1',
      values: [like],
    });
    return rows[0]?.n ?? -1;
  };

  it('prepares a statement once, with and without values', async () => {
    for (const n of [1, 2, 3]) {
      const { rows } = await client.query<{ twice: number }>('SELECT $1::int * 2 AS twice', [n]);
      expect(rows).toEqual([{ twice: 2 * n }]);
      expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    }
    expect(await prepared('SELECT $1::int * 2%')).toBe(1);
    expect(await prepared('SELECT 1 AS one')).toBe(1);
  });

  it('leaves several statements in one text, and what is no query, alone', async () => {
    await client.query('CREATE TABLE counted (n int); INSERT INTO counted VALUES (1)');
    await client.query('INSERT INTO counted VALUES (2); INSERT INTO counted VALUES (3)');
    expect((await client.query('SELECT n FROM counted ORDER BY n')).rows).toHaveLength(3);
    expect(await prepared('%counted VALUES%')).toBe(0);
  });

  it('goes on after a refusal, in a transaction too', async () => {
    await expect(client.query('SELECT 1 / $1::int AS n', [0])).rejects.toMatchObject({ code: '22012' });
    expect((await client.query<{ n: number }>('SELECT 1 / $1::int AS n', [1])).rows).toEqual([{ n: 1 }]);
    await client.query('BEGIN');
    await expect(client.query('SELECT n FROM nowhere WHERE n = $1', [1])).rejects.toMatchObject({ code: '42P01' });
    await client.query('ROLLBACK');
    expect((await client.query<{ n: number }>('SELECT 1 / $1::int AS n', [1])).rows).toEqual([{ n: 1 }]);
  });

  it('follows a table that grows a column', async () => {
    await client.query('CREATE TABLE grows (a int)');
    await client.query('INSERT INTO grows (a) VALUES ($1)', [1]);
    await client.query('SELECT a FROM grows WHERE a = $1', [1]);
    await client.query('ALTER TABLE grows ADD COLUMN b text');
    expect((await client.query('SELECT a FROM grows WHERE a = $1', [1])).rows).toEqual([{ a: 1 }]);
  });
});
