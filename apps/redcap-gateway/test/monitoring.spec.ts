import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { clearStage, family, newWorld, setStage } from './stage';
import { ismileXml } from './project-xml';

let between: Server | undefined;
afterEach(async () => {
  await clearStage();
  between?.closeAllConnections();
  await new Promise((resolve) => (between ? between.close(resolve) : resolve(null)));
  between = undefined;
});

type Stage = Awaited<ReturnType<typeof setStage>>;
interface Finding {
  code: string;
  what: string;
  sentence: string;
  todo: string;
  acknowledgedAt: string | null;
}
const findings = (stage: Stage, args: object = {}) => stage.ops<Finding[]>('monitoring.list', args);

/** Everything looked at anew, as it is daily. */
async function nextDay(stage: Stage): Promise<void> {
  stage.pass(24 * 60 + 1);
  await stage.poll();
}

describe('what changes at REDCap', () => {
  it('another version: attention until a person knows', async () => {
    const stage = await setStage();
    await stage.poll();
    await stage.restart(newWorld(ismileXml(), stage.world.now.toISOString(), { version: '16.0.8' }));
    await stage.poll();
    expect((await stage.status()).attention).toEqual({ VERSION_CHANGED: 1 });
    expect(await findings(stage)).toMatchObject([
      {
        code: 'VERSION_CHANGED',
        sentence: 'REDCap was version 15.2.1 and is version 16.0.8 now.',
        todo: expect.stringContaining('ops monitoring acknowledge') as string,
      },
    ]);
    expect(await stage.ops('monitoring.acknowledge', { code: 'VERSION_CHANGED' })).toEqual({ acknowledged: 1 });
    expect((await stage.status()).attention).toEqual({});
    await nextDay(stage);
    expect(await findings(stage)).toEqual([]);
    expect(await findings(stage, { all: true })).toMatchObject([{ acknowledgedAt: expect.any(String) as string }]);
  });

  it('a right taken and given back', async () => {
    const stage = await setStage();
    await stage.poll();
    stage.setRights({ record_create: 0 });
    await nextDay(stage);
    expect((await stage.status()).attention).toEqual({ RIGHTS_CHANGED: 1 });
    expect(await findings(stage)).toMatchObject([{ sentence: 'The token lost the right record_create.' }]);
    stage.setRights({ record_create: 1 });
    await nextDay(stage);
    expect((await stage.status()).attention).toEqual({});
    expect(await findings(stage, { all: true })).toEqual([]);
  });

  it('a right to the log that was taken is noticed by the very next poll, which goes on without', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(15);
    stage.setRights({ logging: 0 });
    stage.save('1', { part_lang: '1' });
    expect(await stage.poll()).toMatchObject({ changed: 1 });
    expect(await findings(stage)).toMatchObject([
      { code: 'RIGHTS_CHANGED', what: 'logging:lost', sentence: 'The token lost the right to read the log.' },
    ]);
  });

  it('a change of users that the log tells is looked at at once', async () => {
    const stage = await setStage();
    await stage.poll();
    stage.pass(15);
    await stage.poll();
    const client = stage.client();
    const [me] = await client.users();
    await client.importUsers([{ username: me!.username, rights: { record_delete: 0 } }]);
    stage.pass(15);
    await stage.poll();
    expect(await findings(stage)).toMatchObject([{ what: 'record_delete:lost' }]);
  });

  it('an account that soon ends, until it is prolonged', async () => {
    const stage = await setStage();
    await stage.poll();
    const client = stage.client();
    const [me] = await client.users();
    const until = async (expiration: string) => {
      await client.importUsers([{ username: me!.username, expiration }]);
      stage.pass(15);
      await stage.poll();
      return (await findings(stage)).map((finding) => finding.sentence);
    };
    expect(await until('2018-09-20')).toEqual(['The account behind the token ends on 2018-09-20.']);
    expect(await until('2019-09-20')).toEqual([]);
  });

  it('a code that the dictionary does not have, without the code, until nobody has it', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(15);
    const rows = await stage.client().metadata();
    await stage
      .client()
      .importMetadata(
        rows.map((row) =>
          row.field_name === 'part_lang'
            ? { ...row, select_choices_or_calculations: '1, English | 2, Spanish | 7, Klingon' }
            : row,
        ),
      );
    stage.save('1', { part_lang: '7' });
    await stage.client().importMetadata(rows);
    await stage.poll();
    expect((await stage.status()).attention).toEqual({ UNKNOWN_CODE: 1 });
    const [finding] = await findings(stage);
    expect(finding).toMatchObject({ code: 'UNKNOWN_CODE', what: 'part_lang' });
    expect(finding!.sentence).not.toContain('7');
    stage.save('1', { part_lang: '1' });
    stage.pass(15);
    await stage.poll();
    stage.pass(15);
    await stage.poll('full-comparison');
    expect((await stage.status()).attention).toEqual({});
  });

  it('names in an answer that nobody knows', async () => {
    let target = '';
    between = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        void fetch(`${target}${request.url}`, {
          method: 'POST',
          body: Buffer.concat(chunks),
          headers: { 'content-type': request.headers['content-type'] ?? '' },
        }).then(async (answer) => {
          const text = await answer.text();
          const isProject = Buffer.concat(chunks).toString().includes('content=project&');
          const type = answer.headers.get('content-type') ?? '';
          response.writeHead(answer.status, { 'content-type': type });
          response.end(isProject ? text.replace('{', '{"cloud_region":"Ana Q",') : text);
        });
      });
    });
    await new Promise<void>((resolve) => between!.listen(0, '127.0.0.1', resolve));
    const port = (between.address() as AddressInfo).port;
    const stage = await setStage({
      started: (url) => (target = url),
      env: { REDCAP_URL: `http://127.0.0.1:${port}/redcap/api/` },
    });
    await stage.poll();
    expect((await stage.status()).attention).toEqual({ ANSWER_SHAPE: 1 });
    expect(await findings(stage)).toMatchObject([
      {
        what: 'project.cloud_region',
        sentence: 'REDCap’s answer to project holds cloud_region, which we do not know.',
      },
    ]);
    expect(JSON.stringify(await findings(stage))).not.toContain('Ana');
  });

  it('nothing, on a quiet day', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    await nextDay(stage);
    await stage.poll('full-comparison');
    expect(await findings(stage, { all: true })).toEqual([]);
    expect((await stage.status()).attention).toEqual({});
  });
});
