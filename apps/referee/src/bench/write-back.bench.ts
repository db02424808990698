import { sandboxToken, createWorld, type World } from '@studybridge/sandbox';
import { participantChanged, writeRequested, writeSettled } from '@studybridge/contracts';
import { ismileCohort } from '@studybridge/studies';
import { countCalls } from './counting-proxy';
import { layBenchGround } from './bench-ground';
import { startPart } from '../system/bus-part';
import { fillProject, firstFamily, importRows } from './fill-project';
import { rounded, type Bench } from './bench';
import { runJob } from './job-run';
import { peakMemoryMb } from './peak-memory';

const families = 1_000;
const fields = [
  'ag_member_id',
  'ag_enroll_status',
  'ag_status',
  'ag_status_label',
  'ag_status_date',
  'ag_optin_date',
  'ag_arm_sent',
  'ag_last_sent_hash',
  'ag_last_error',
  'ag_attention_reason',
] as const;

function valueOf(field: (typeof fields)[number], n: number): string {
  if (field === 'ag_enroll_status') return '1';
  if (field === 'ag_status') return '40';
  if (field === 'ag_arm_sent') return '2';
  if (field.endsWith('_date')) return '2018-09-04 12:00:00';
  return `${field} ${n}`;
}

/** Cells that a service asks for, guarded, imported and read back, against importing the same cells with one bare call. */
export const writeBackBench: Bench = {
  name: 'write-back',
  async run(place) {
    const count = Math.max(50, Math.round(families * place.scale));
    const token = sandboxToken('ismile');
    const floor = await bareImport(token, count);
    place.log(`one bare import of ${count * fields.length} cells: ${Math.round(floor)} ms`);
    const world = createWorld({ cohort: ismileCohort({ pairs: 120 }), cohortToken: token });
    const { url } = await world.listen(0);
    const proxy = await countCalls(url);
    const ground = await layBenchGround(place);
    const ids = new Map<string, string>();
    let settled = 0;
    let refused = 0;
    let finish: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (finish = resolve));
    try {
      await fillProject(`${url}/redcap/api/`, token, count, false);
      const gateway = await ground.start('redcap-gateway', {
        REDCAP_URL: `${proxy.url}/redcap/api/`,
        REDCAP_TOKEN_ISMILE: token,
        REDCAP_CALLS_PER_MINUTE: '0',
        STUDY_CLOCK_URL: `${url}/__sandbox/clock`,
      });
      let everybody: () => void = () => undefined;
      const known = new Promise<void>((resolve) => (everybody = resolve));
      // Cells belong to one service each: the bench asks in the name of the one that owns these.
      const asker = await startPart(ground, 'agile-health', (bus) => {
        bus.consume(participantChanged, (_em, { payload }) => {
          if (Number(payload.recordId) >= firstFamily) ids.set(payload.recordId, payload.participantId);
          if (ids.size === count) everybody();
          return Promise.resolve();
        });
        bus.consume(writeSettled, (_em, { payload }) => {
          settled += payload.cells.length;
          refused += payload.cells.filter((cell) => cell.outcome === 'refused').length;
          if (settled >= count * fields.length) finish();
          return Promise.resolve();
        });
      });
      try {
        await runJob(gateway.url, ground.opsToken, 'redcap-poll');
        await known;
        proxy.take();
        const began = performance.now();
        await asker.context.dataSource.transaction((em) =>
          asker.bus.publishMany(
            em,
            writeRequested,
            [...ids].map(([record, participantId]) => ({
              payload: {
                participantId,
                project: 'main',
                owner: 'agile-health',
                cells: fields.map((field) => ({
                  event: 'baseline_arm_1',
                  instrument: 'agile_link',
                  instance: 0,
                  field,
                  value: valueOf(field, Number(record)),
                  basedOn: '',
                })),
              },
              meta: { binding: 'ismile.sandbox', study: 'ismile', cause: 'live' as const, correlationId: 'bench' },
            })),
          ),
        );
        asker.bus.wake();
        await all;
        const ms = performance.now() - began;
        const traffic = proxy.take();
        if (refused > 0) throw new Error(`${refused} cells were refused.`);
        return [
          {
            bench: 'write-back',
            what: 'cells asked for on the bus until they are read back, as a multiple of one bare import (less is better)',
            ratio: rounded(ms / floor),
            aim: 3,
            figures: {
              cells: settled,
              calls: traffic.calls,
              callsAim: 60,
              floorMs: Math.round(floor),
              oursMs: Math.round(ms),
              cellsPerSecond: Math.round((settled / ms) * 1_000),
              peakMemoryMb: peakMemoryMb(gateway.pid) ?? 0,
            },
          },
        ];
      } finally {
        await asker.stop();
      }
    } finally {
      await ground.stop();
      await proxy.close();
      await world.close();
    }
  },
};

/** Real milliseconds for one import call of all cells into a world of its own. */
async function bareImport(token: string, count: number): Promise<number> {
  const world: World = createWorld({ cohort: ismileCohort({ pairs: 120 }), cohortToken: token });
  const { url } = await world.listen(0);
  try {
    const api = `${url}/redcap/api/`;
    await fillProject(api, token, count, false);
    const rows = Array.from({ length: count }, (_, index) => ({
      record_id: String(firstFamily + index),
      redcap_event_name: 'baseline_arm_1',
      ...Object.fromEntries(fields.map((field) => [field, valueOf(field, firstFamily + index)])),
    }));
    return await importRows(api, token, rows);
  } finally {
    await world.close();
  }
}
