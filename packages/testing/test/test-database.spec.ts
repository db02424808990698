import { Client } from 'pg';
import { testDatabase } from '../src';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

describe('testDatabase', () => {
  it('gives each caller an empty database of its own, on a server that may make more', async () => {
    const [one, two] = await Promise.all([testDatabase('Some Room'), testDatabase('Some Room')]);
    expect(one.url).not.toBe(two.url);
    await query(one.url, 'CREATE TABLE mine ()');
    await expect(query(two.url, 'SELECT * FROM mine')).rejects.toThrow('does not exist');
    expect(await query(two.url, 'SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user')).toEqual([
      { rolcreatedb: true },
    ]);
    await Promise.all([one.drop(), two.drop()]);
    await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
  });

  it('drops a database that is still in use', async () => {
    const { url, drop } = await testDatabase();
    const user = new Client({ connectionString: url });
    const lost = new Promise((resolve) => user.on('error', resolve));
    await user.connect();
    await drop();
    expect(await lost).toBeInstanceOf(Error);
  });
});
