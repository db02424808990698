import type { RedcapClient } from '../src';
import { csv, fakeServer, json, send } from './fake-server';

type Fake = Awaited<ReturnType<typeof fakeServer>>;
let fake: Fake | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const down = () => fakeServer((_request, response) => send(response, 503, 'text/html', ''));
const row = { username: 'jo' };
const file = { name: 'a.txt', type: 'text/plain', bytes: Buffer.from('a') };

/** Every call is a POST: what may be made again follows from what it does. */
describe('calls made again after a lost answer', () => {
  it.each<[string, (client: RedcapClient) => Promise<unknown>]>([
    ['metadata', (client) => client.metadata()],
    ['a dictionary', (client) => client.importMetadata([])],
    ['mappings', (client) => client.importFormEventMapping([])],
    ['users', (client) => client.importUsers([row])],
    ['the next number', (client) => client.nextRecordName()],
    ['a survey link', (client) => client.surveyLink({ record: '1', event: '', instrument: 'a', instance: 0 })],
    ['a PDF', (client) => client.pdf()],
    ['a file into a field', (client) => client.importFile({ record: '1', field: 'a' }, file)],
    ['a list of files', (client) => client.listFiles()],
    ['a switch of groups', (client) => client.switchDag('a')],
  ])('%s: yes', async (_name, call) => {
    fake = await down();
    await expect(call(fake.client())).rejects.toMatchObject({ code: 'REDCAP_503' });
    expect(fake.asked).toHaveLength(3);
  });

  it.each<[string, (client: RedcapClient) => Promise<unknown>]>([
    ['rows', (client) => client.importRecords([{ id: '1' }], 'id', { overwriteBehavior: 'normal' })],
    ['new records', (client) => client.importNewRecords([{ id: '1' }], 'id', { overwriteBehavior: 'normal' })],
    ['a deletion', (client) => client.deleteRecords({ records: ['1'] }, { confirm: ['1'] })],
    ['a rename', (client) => client.renameRecord({ record: '1', to: '2' }, { confirm: ['1'] })],
    ['a randomisation', (client) => client.randomizeRecord({ record: '1', randomizationId: 1 })],
    ['a new project', (client) => client.createProject({ project_title: 'A', purpose: 0 })],
    ['new events', (client) => client.importEvents([{ event_name: 'A', arm_num: 1 }])],
    ['a folder', (client) => client.createFolder({ name: 'A' })],
    ['a file into the repository', (client) => client.importRepositoryFile(file)],
  ])('%s: no', async (_name, call) => {
    fake = await down();
    await expect(call(fake.client())).rejects.toMatchObject({ code: 'REDCAP_503' });
    expect(fake.asked).toHaveLength(1);
  });

  it('nothing leaves, and nothing is tried again, when the caller says at the last moment that it must not', async () => {
    let asked = 0;
    const lost = new Error('no longer mine');
    fake = await down();
    const call = fake.client().metadata(undefined, {
      beforeSending: () => {
        asked += 1;
        if (asked === 2) throw lost;
      },
    });
    await expect(call).rejects.toBe(lost);
    expect(fake.asked).toHaveLength(1);
  });

  it('whatever never left may be sent again', async () => {
    fake = await down();
    const before: string[] = [];
    const client = fake.client({ beforeCall: ({ action }) => Promise.resolve(void before.push(action)) });
    await fake.close();
    await expect(client.renameRecord({ record: '1', to: '2' }, { confirm: ['1'] })).rejects.toMatchObject({
      code: 'REDCAP_UNREACHABLE',
      neverLeft: true,
    });
    expect(before).toEqual(['rename', 'rename', 'rename']);
    fake = undefined;
  });
});

describe('what comes back from a change', () => {
  it.each([
    ['another count', '2', 'REDCAP_COUNT'],
    ['a web page', '<html>login</html>', 'REDCAP_HTML'],
    ['words', 'done', 'REDCAP_SHAPE'],
    ['nothing', '', 'REDCAP_SHAPE'],
  ])('%s is not believed', async (_name, body, code) => {
    fake = await fakeServer((_request, response) => send(response, 200, 'text/html', body));
    const deleting = fake.client().deleteRecords({ records: ['1'] }, { confirm: ['1'] });
    await expect(deleting).rejects.toMatchObject({ code, errorClass: 'dependency' });
    expect(fake.asked).toHaveLength(1);
  });

  it('a token is found behind what a server prints before it', async () => {
    const token = 'ABCDEF0123456789ABCDEF0123456789';
    fake = await fakeServer((_request, response) => send(response, 200, 'text/html', `select 1;\n${token}`));
    expect(await fake.client().createProject({ project_title: 'A', purpose: 0 })).toBe(token);
  });

  it('a project XML without its end is cut off', async () => {
    fake = await fakeServer((_request, response) => send(response, 200, 'text/xml', '<?xml?><ODM a="1"><Study>'));
    const asking = fake.client({ retry: { attempts: 1, baseDelayMs: 1 } }).projectXml();
    await expect(asking).rejects.toMatchObject({ code: 'REDCAP_TRUNCATED' });
  });

  it('a web page is no file', async () => {
    fake = await fakeServer((_request, response) => send(response, 200, 'text/html', '<html>login</html>'));
    const asking = fake.client({ retry: { attempts: 1, baseDelayMs: 1 } }).exportFile({ record: '1', field: 'a' });
    await expect(asking).rejects.toMatchObject({ code: 'REDCAP_HTML' });
  });
});

describe('a caller’s control', () => {
  it('ends a call that hangs, with its own code, and nothing is asked again', async () => {
    fake = await fakeServer(() => undefined);
    const stop = new AbortController();
    const asking = fake.client().metadata(undefined, { signal: stop.signal });
    setTimeout(() => stop.abort(), 30);
    await expect(asking).rejects.toMatchObject({ code: 'REDCAP_ABORTED', errorClass: 'dependency' });
    expect(fake.asked).toHaveLength(1);
  });

  it('hears how much has come', async () => {
    const body = `record_id\n${Array.from({ length: 20_000 }, (_, at) => at).join('\n')}\n`;
    fake = await fakeServer((_request, response) => csv(response, body));
    const told: number[] = [];
    await fake.client().readRecords({}, { onProgress: ({ bytes }) => told.push(bytes) });
    expect(told.at(-1)).toBe(Buffer.byteLength(body));
    expect(told.length).toBeGreaterThan(1);
  });

  it('hears a connection that breaks while it listens', async () => {
    fake = await fakeServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Length': 1000 });
      response.write('record_id\n1\n');
      setTimeout(() => response.destroy(), 5);
    });
    const asking = fake
      .client({ retry: { attempts: 1, baseDelayMs: 1 } })
      .readRecords({}, { onProgress: () => undefined });
    await expect(asking).rejects.toMatchObject({ errorClass: 'dependency' });
  });
});

describe('names that the client does not know', () => {
  it('are told once a call, as names only', async () => {
    fake = await fakeServer((request, response) =>
      request.get('content') === 'record'
        ? json(response, [{ record_id: '1', redcap_event_name: 'a', race___2: '1', extra: 'Ana' }])
        : json(response, [
            { arm_num: 1, name: 'A', colour: 'red' },
            { arm_num: 2, name: 'B', colour: 'blue' },
          ]),
    );
    const told: unknown[] = [];
    const client = fake.client({ onUnknownNames: (content, names) => told.push([content, names]) });
    await client.arms();
    await client.exportRecords({ fields: ['record_id', 'race'] });
    await client.exportRecords({ forms: ['a'] });
    expect(told).toEqual([
      ['arm', ['colour']],
      ['record', ['extra']],
    ]);
  });
});
