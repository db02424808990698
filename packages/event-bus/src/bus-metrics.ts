import type { Registry } from '@studybridge/service-kit';
import { Counter, Gauge, Histogram } from 'prom-client';

/** The bus's figures; labels name topics only, never keys. */
export interface BusMetrics {
  published: Counter<'topic'>;
  received: Counter;
  dropped: Counter;
  handled: Counter<'topic'>;
  failed: Counter<'topic' | 'class'>;
  handling: Histogram<'topic'>;
}

/** Registers the figures; `count` is asked whenever they are read. */
export function createBusMetrics(
  registry: Registry,
  count: () => Promise<{ outbox: number; inbox: number; parked: number; deadLetters: number }>,
): BusMetrics {
  const registers = [registry];
  const gauge = new Gauge({
    name: 'studybridge_bus_waiting',
    help: 'Rows of the bus: unpublished, to be worked, keys parked, dead letters.',
    labelNames: ['what'],
    registers,
    async collect() {
      try {
        const counts = await count();
        this.set({ what: 'outbox' }, counts.outbox);
        this.set({ what: 'inbox' }, counts.inbox);
        this.set({ what: 'parked' }, counts.parked);
        this.set({ what: 'dead_letters' }, counts.deadLetters);
      } catch {
        // The database is away: the figures of last time are better than no figures at all.
      }
    },
  });
  for (const what of ['outbox', 'inbox', 'parked', 'dead_letters']) gauge.set({ what }, 0);
  return {
    published: new Counter({
      name: 'studybridge_bus_published_total',
      help: 'Messages that the carrier accepted.',
      labelNames: ['topic'],
      registers,
    }),
    received: new Counter({
      name: 'studybridge_bus_received_total',
      help: 'Messages stored in the inbox.',
      registers,
    }),
    dropped: new Counter({
      name: 'studybridge_bus_dropped_total',
      help: 'Messages that had come before.',
      registers,
    }),
    handled: new Counter({
      name: 'studybridge_bus_handled_total',
      help: 'Messages worked.',
      labelNames: ['topic'],
      registers,
    }),
    failed: new Counter({
      name: 'studybridge_bus_failed_total',
      help: 'Attempts to work a message that failed, by class of error.',
      labelNames: ['topic', 'class'],
      registers,
    }),
    handling: new Histogram({
      name: 'studybridge_bus_handling_seconds',
      help: 'Time of a handler.',
      labelNames: ['topic'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
  };
}
