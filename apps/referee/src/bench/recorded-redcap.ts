import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createWorld, sandboxToken } from '@studybridge/sandbox';
import { ismileCohort, studyById } from '@studybridge/studies';

/**
 * A REDCap that costs next to nothing: exports of records are made up from their numbers as fast as text can be joined, so
 * that a bench measures the reader; everything else is answered by the sandbox's. A program of its own
 * (`node recorded-redcap.js <records>`), so that it takes no time from whoever asks; sends `{port}` to its parent.
 */
const records = Number(process.argv[2] ?? '1000');
const project = studyById('ismile').projects.main;
const event = 'baseline_arm_1';
const system = [project.recordIdField, 'redcap_event_name', 'redcap_repeat_instrument', 'redcap_repeat_instance'];

/** What a field holds in the n-th record; blank where it does not live in the event. */
const maker = new Map<string, (n: number) => string>(
  project.dictionary.map((field) => {
    const here = project.mapping.some((one) => one.event === event && one.instrument === field.form_name);
    const codes = [...field.select_choices_or_calculations.matchAll(/(?:^|\|)\s*([^,|]+),/g)].map((found) =>
      found[1]!.trim(),
    );
    const make = (n: number): string => {
      if (!here) return '';
      if (field.field_type === 'yesno') return String(n % 2);
      if (codes.length > 0) return codes[n % codes.length]!;
      if (field.text_validation_type_or_show_slider_number.startsWith('date'))
        return `2018-09-${String(1 + (n % 28)).padStart(2, '0')}`;
      if (field.text_validation_type_or_show_slider_number === 'phone') return `617555${String(1000 + (n % 9000))}`;
      return `${field.field_name} ${n}`;
    };
    return [field.field_name, make];
  }),
);

function line(fields: readonly string[], n: number): string {
  let text = `${n},${event},,`;
  for (const field of fields) {
    text += ',';
    text += field.endsWith('_complete') ? '2' : (maker.get(field)?.(n) ?? '');
  }
  return `${text}\n`;
}

async function exportRecords(asked: URLSearchParams, answer: ServerResponse): Promise<void> {
  const list = (name: string): string[] =>
    [...asked].filter(([key]) => key === name || key.startsWith(`${name}[`)).flatMap(([, value]) => value.split(','));
  const wanted = list('records').map(Number);
  const numbers = wanted.length > 0 ? wanted : Array.from({ length: records }, (_, index) => index + 1);
  const fields = list('fields').filter((field) => field !== project.recordIdField);
  const json = asked.get('format') === 'json';
  answer.writeHead(200, { 'content-type': json ? 'application/json; charset=utf-8' : 'text/csv; charset=utf-8' });
  answer.write(json ? '[' : `${[...system, ...fields].join(',')}\n`);
  for (let from = 0; from < numbers.length; from += 500) {
    const part = numbers.slice(from, from + 500);
    const text = json
      ? part
          .map(
            (n) =>
              `{"record_id":"${n}","redcap_event_name":"${event}","redcap_repeat_instrument":"","redcap_repeat_instance":""}`,
          )
          .join(',') + (from + 500 < numbers.length ? ',' : '')
      : part.map((n) => line(fields, n)).join('');
    if (!answer.write(text)) await once(answer, 'drain');
  }
  answer.end(json ? ']' : '');
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function main(): Promise<void> {
  const world = createWorld({ cohort: ismileCohort({ pairs: 120 }), cohortToken: sandboxToken('ismile') });
  const { url } = await world.listen(0);
  const server = createServer((incoming, answer) => {
    void bodyOf(incoming).then((body) => {
      const asked = new URLSearchParams(body.toString('utf8'));
      if (asked.get('content') === 'record' && (asked.get('action') ?? 'export') === 'export' && !asked.has('data')) {
        return exportRecords(asked, answer);
      }
      const onward = request(new URL(incoming.url ?? '/', url), { method: incoming.method, headers: incoming.headers });
      onward.on('response', (theirs) => {
        answer.writeHead(theirs.statusCode ?? 502, theirs.headers);
        theirs.pipe(answer);
      });
      onward.end(body);
      return undefined;
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

void main();
