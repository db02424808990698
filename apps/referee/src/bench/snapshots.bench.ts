import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sandboxToken } from '@studybridge/sandbox';
import { studyById } from '@studybridge/studies';
import Papa from 'papaparse';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BenchGround } from './bench-ground';
import { rounded, type Bench } from './bench';
import { firstLook, withRecordedRedcap } from './first-look';

const rows = 100_000;

/** The first look at a project, into snapshots and outbox, against streaming the same rows, parsing them and COPY. */
export const snapshotsBench: Bench = {
  name: 'snapshots',
  run(place) {
    const count = Math.max(1_000, Math.round(rows * place.scale));
    return withRecordedRedcap(place, count, async (ground, address) => {
      const floor = await streamParseCopy(ground, `${address}/redcap/api/`);
      place.log(`stream + parse + COPY: ${floor.rows} rows of ${floor.columns} columns in ${Math.round(floor.ms)} ms`);
      const { ms, peakMb } = await firstLook(ground, address, count);
      return [
        {
          bench: 'snapshots',
          what: 'rows into snapshots and outbox, against stream + parse + COPY',
          ratio: rounded(floor.ms / ms),
          aim: 0.25,
          figures: {
            rows: count,
            columns: floor.columns,
            megabytes: rounded(floor.bytes / 1e6),
            floorMs: Math.round(floor.ms),
            oursMs: ms,
            rowsPerSecond: Math.round((count / ms) * 1_000),
            ...(peakMb === null ? {} : { peakMemoryMb: peakMb }),
          },
        },
      ];
    });
  },
};

/** All declared fields of all records in one export, parsed with the library that the gateway uses, into one table of text. */
async function streamParseCopy(
  ground: BenchGround,
  api: string,
): Promise<{ ms: number; rows: number; columns: number; bytes: number }> {
  const project = studyById('ismile').projects.main;
  const body = new URLSearchParams({ token: sandboxToken('ismile'), content: 'record', format: 'csv', type: 'flat' });
  [project.recordIdField, ...project.declaredFields].forEach((field, index) => body.append(`fields[${index}]`, field));
  const columns = 4 + project.declaredFields.length;
  const client = new Client({ connectionString: ground.databaseUrl('postgres') });
  await client.connect();
  try {
    const names = Array.from({ length: columns }, (_, index) => `c${index} text`).join(', ');
    await client.query(`CREATE TABLE floor (${names})`);
    const began = performance.now();
    const answer = await fetch(api, { method: 'POST', body });
    if (answer.body === null) throw new Error('The export has no body.');
    let read = -1;
    let bytes = 0;
    const toCopy = new Transform({
      writableObjectMode: true,
      transform(columns: string[], _encoding, done) {
        read += 1;
        done(null, read === 0 ? undefined : `${columns.map(escaped).join('\t')}\n`);
      },
    });
    await pipeline(
      Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          yield chunk;
        }
      },
      Papa.parse(Papa.NODE_STREAM_INPUT, { delimiter: ',', newline: '\n', skipEmptyLines: true }),
      toCopy,
      client.query(copyFrom('COPY floor FROM STDIN')),
    );
    return { ms: performance.now() - began, rows: read, columns, bytes };
  } finally {
    await client.end();
  }
}

function escaped(value: string): string {
  return /[\\\t\n\r]/.test(value)
    ? value.replace(/[\\\t\n\r]/g, (found) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[found] ?? found)
    : value;
}
