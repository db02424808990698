import path from 'node:path';
import { rounded, type Bench, type BenchPlace } from './bench';
import { firstLook, withRecordedRedcap } from './first-look';

const rows = 100_000;
/** What the gateway may keep, in MiB, however many rows there are: were it to grow with them, it would end for want of memory. */
const heapMb = 96;

/** The peak memory of a first look at a project ten times as large as another. */
export const memoryBench: Bench = {
  name: 'memory',
  async run(place) {
    const most = Math.max(10_000, Math.round(rows * place.scale));
    const [small, large] = [await peakOf(place, most / 10), await peakOf(place, most)];
    if (small === null || large === null) {
      place.log('this system does not tell the peak memory of a process');
      return [];
    }
    return [
      {
        bench: 'memory',
        what: 'peak memory of a first look, as a multiple of that at a tenth of the rows (1 = flat)',
        ratio: rounded(large / small),
        aim: 1,
        figures: { rows: most, heapLimitMb: heapMb, tenthPeakMb: small, peakMb: large },
      },
    ];
  },
};

function peakOf(place: BenchPlace, records: number): Promise<number | null> {
  const own = { ...place, folder: path.join(place.folder, String(records)) };
  return withRecordedRedcap(own, records, async (ground, address) => {
    const { peakMb } = await firstLook(ground, address, records, {
      NODE_OPTIONS: `--max-old-space-size=${heapMb}`,
    });
    return peakMb;
  });
}
