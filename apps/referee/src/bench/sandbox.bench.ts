import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, stopProgram } from './bench-ground';
import { rounded, type Bench } from './bench';
import { peakMemoryMb } from './peak-memory';

const records = 100_000;
const runs = 5;
const token = '0123456789ABCDEF0123456789ABCDEF';

/** A project of one instrument whose export has 50 columns: the record id, 48 fields of five kinds, and the status. */
function projectXml(): string {
  const kinds = [
    'redcap:FieldType="text"',
    'redcap:FieldType="text" redcap:TextValidationType="int"',
    'redcap:FieldType="text" redcap:TextValidationType="date_ymd"',
    'redcap:FieldType="yesno"',
    'redcap:FieldType="text" redcap:TextValidationType="float"',
  ];
  const names = ['record_id', ...Array.from({ length: 48 }, (_, n) => `field_${n + 1}`)];
  const refs = names.map((name) => `<ItemRef ItemOID="${name}" Mandatory="No" redcap:Variable="${name}"/>`);
  const items = names.map((name, n) => {
    const kind = n === 0 ? kinds[0] : kinds[n % kinds.length];
    const label = `<Question><TranslatedText>Field ${n}</TranslatedText></Question>`;
    return `<ItemDef OID="${name}" Name="${name}" DataType="text" redcap:Variable="${name}" ${kind}>${label}</ItemDef>`;
  });
  return `<?xml version="1.0" encoding="UTF-8" ?>
<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org" ODMVersion="1.3.1">
<Study OID="Project.Bench"><GlobalVariables><StudyName>Bench</StudyName></GlobalVariables>
<MetaDataVersion OID="Metadata.Bench" Name="Bench" redcap:RecordIdField="record_id">
<FormDef OID="Form.all" Name="All" redcap:FormName="all"><ItemGroupRef ItemGroupOID="all.record_id"/></FormDef>
<ItemGroupDef OID="all.record_id" Name="All">${refs.join('')}</ItemGroupDef>${items.join('')}
</MetaDataVersion></Study></ODM>`;
}

const clients = 100;
const requests = 20_000;

/**
 * A hundred clients at once, each with a record of its own that it writes and reads, one after the other. Throws at the first
 * wrong answer; tells how long all of it took.
 */
async function manyClients(url: string, count: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const call = async (params: Record<string, string>): Promise<string> => {
    const body = new URLSearchParams({ token, content: 'record', ...params }).toString();
    const asked = request(`${url}/redcap/api/`, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
    });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.setEncoding('utf8');
    let text = '';
    for await (const piece of answer) text += String(piece);
    return text;
  };
  const expectSame = (said: string, right: string): void => {
    if (said !== right) throw new Error(`A wrong answer: ${said.slice(0, 200)}`);
  };
  const started = performance.now();
  const rounds = Math.max(1, Math.round(count / clients / 2));
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const id = `client-${client}`;
      for (let round = 0; round < rounds; round += 1) {
        const data = JSON.stringify([{ record_id: id, field_1: String(round), field_5: `of ${client}` }]);
        expectSame(await call({ format: 'json', data }), '{"count":1}');
        const row = await call({ format: 'csv', records: id, fields: 'record_id,field_1,field_5' });
        expectSame(row, `record_id,field_1,field_5\n${id},${round},"of ${client}"\n`);
      }
    }),
  );
  agent.destroy();
  return performance.now() - started;
}

/** Reads a whole answer, into a file where one is named; how long it took and how large it was. */
async function read(url: string, body: string, file?: string): Promise<{ ms: number; bytes: number }> {
  const started = performance.now();
  const asked = request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
  });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`The sandbox answered ${answer.statusCode}.`);
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
  if (file !== undefined) answer.pipe(createWriteStream(file));
  await once(answer, 'end');
  return { ms: performance.now() - started, bytes };
}

/** What a process holds right now, in megabytes; null where the system does not tell. */
function memoryMb(pid: number): number | null {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  } catch {
    return null;
  }
}

/** Lets the system forget the most that a process ever held, so that what comes is told alone. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Another system: the peak is that of its whole life.
  }
}

/** The sandbox's REDCap: the export of a whole project as CSV, against a bare loop that joins and writes the same cells. */
export const sandboxBench: Bench = {
  name: 'sandbox',
  async run(place) {
    const count = Math.max(1_000, Math.round(records * place.scale));
    const xml = path.join(place.folder, 'bench.xml');
    writeFileSync(xml, projectXml());
    const log = path.join(place.folder, 'sandbox.log');
    const script = path.resolve(__dirname, '../../../sandbox/dist/main.js');
    const args = ['--port', '0', '--project', `${xml}=${token}`, '--seed-records', String(count), '--speed', '0'];
    const sandbox = startProgram(script, log, {}, args);
    let bare: ReturnType<typeof startProgram> | null = null;
    try {
      let url: string | undefined;
      while (url === undefined) {
        if (sandbox.exitCode !== null) throw new Error(`The sandbox ended: ${readFileSync(log, 'utf8')}`);
        await sleep(100);
        url = /^sandbox ready at (\S+)$/m.exec(readFileSync(log, 'utf8'))?.[1];
      }
      const before = memoryMb(sandbox.pid!);
      forgetPeak(sandbox.pid!);
      const ask = new URLSearchParams({ token, content: 'record', format: 'csv' }).toString();
      const file = path.join(place.folder, 'export.csv');
      const first = await read(`${url}/redcap/api/`, ask, file);
      place.log(`${count} records, ${rounded(first.bytes / 1e6)} MB; the first export took ${Math.round(first.ms)} ms`);
      bare = startProgram(path.join(__dirname, 'bare-export.js'), log, {}, [file]);
      const [said] = (await once(bare, 'message')) as [{ port: number }];
      const [ours, floor] = [[], []] as [number[], number[]];
      for (let run = 0; run < runs; run += 1) {
        const bareRun = await read(`http://127.0.0.1:${said.port}/`, ask);
        const ourRun = await read(`${url}/redcap/api/`, ask);
        if (bareRun.bytes !== first.bytes || ourRun.bytes !== first.bytes) throw new Error('Two exports differ.');
        floor.push(bareRun.ms);
        ours.push(ourRun.ms);
      }
      const peak = peakMemoryMb(sandbox.pid);
      const asked = Math.max(clients * 2, Math.round(requests * place.scale));
      const clientsMs = await manyClients(url, asked);
      place.log(`${clients} clients, ${asked} requests: no wrong answer`);
      const [oursMs, floorMs] = [Math.min(...ours), Math.min(...floor)];
      return [
        {
          bench: 'sandbox',
          what: 'CSV export of a whole project by the sandbox’s REDCap, against a bare loop that joins and writes the same cells',
          ratio: rounded(floorMs / oursMs),
          aim: 0.3,
          figures: {
            records: count,
            columns: 50,
            megabytes: rounded(first.bytes / 1e6),
            oursMs: Math.round(oursMs),
            floorMs: Math.round(floorMs),
            mbPerSecond: rounded(first.bytes / 1e3 / oursMs),
            clients,
            requests: asked,
            requestsPerSecond: Math.round((asked / clientsMs) * 1_000),
            floorMbPerSecond: rounded(first.bytes / 1e3 / floorMs),
            ...(peak === null ? {} : { peakMemoryMb: peak }),
            ...(peak === null || before === null ? {} : { exportMemoryMb: Math.max(0, peak - before) }),
          },
        },
      ];
    } finally {
      if (bare !== null) await stopProgram(bare);
      await stopProgram(sandbox);
    }
  },
};
