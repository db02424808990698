import type { Registry } from '@studybridge/service-kit';
import { Counter, Gauge, Histogram } from 'prom-client';

/** The ledger's figures; labels name kinds only. */
export interface EffectsMetrics {
  settled: Counter<'kind' | 'result'>;
  failed: Counter<'kind' | 'class'>;
  asking: Histogram<'kind' | 'what'>;
}

/** Registers the figures; `countOpen` is asked whenever they are read. */
export function createEffectsMetrics(registry: Registry, countOpen: () => Promise<number>): EffectsMetrics {
  const registers = [registry];
  new Gauge({
    name: 'studybridge_effects_open',
    help: 'Effects that will still happen by themselves.',
    registers,
    async collect() {
      try {
        this.set(await countOpen());
      } catch {
        // The database is away: the figure of last time is better than none.
      }
    },
  });
  return {
    settled: new Counter({
      name: 'studybridge_effects_settled_total',
      help: 'Effects that came to an end.',
      labelNames: ['kind', 'result'],
      registers,
    }),
    failed: new Counter({
      name: 'studybridge_effects_failed_total',
      help: 'Attempts that failed, by class of error.',
      labelNames: ['kind', 'class'],
      registers,
    }),
    asking: new Histogram({
      name: 'studybridge_effects_asking_seconds',
      help: 'Time that a partner took to answer a call or a look-up.',
      labelNames: ['kind', 'what'],
      buckets: [0.01, 0.05, 0.2, 1, 5, 20, 60],
      registers,
    }),
  };
}
