import type { Bench } from './bench';
import { busBench } from './bus.bench';
import { memoryBench } from './memory.bench';
import { messagingBench } from './messaging.bench';
import { propagationBench } from './propagation.bench';
import { sandboxBench } from './sandbox.bench';
import { snapshotsBench } from './snapshots.bench';
import { steadyPollBench } from './steady-poll.bench';
import { writeBackBench } from './write-back.bench';

/** Every bench, in the order in which they run. */
export const benches: readonly Bench[] = [
  snapshotsBench,
  memoryBench,
  busBench,
  steadyPollBench,
  writeBackBench,
  propagationBench,
  messagingBench,
  sandboxBench,
];
