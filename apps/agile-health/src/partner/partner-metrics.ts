import type { Registry } from '@studybridge/service-kit';
import { Counter } from 'prom-client';

/** What the service counts about its calls; no label names a person or an arm. */
export interface PartnerMetrics {
  calls: Counter<'method' | 'outcome'>;
  unknownFields: Counter;
  oddMembers: Counter<'why'>;
  /** Since the process started, as `/status` shows them: calls that were really sent. */
  sent: { posts: number; puts: number };
}

/** The counters of one service, in its own registry. */
export function createPartnerMetrics(registry: Registry): PartnerMetrics {
  return {
    calls: new Counter({
      name: 'agile_calls_total',
      help: 'Calls to the texting partner by what came of them.',
      labelNames: ['method', 'outcome'],
      registers: [registry],
    }),
    unknownFields: new Counter({
      name: 'agile_unknown_fields_total',
      help: 'Fields and codes in the partner’s answers that the contract does not know.',
      registers: [registry],
    }),
    oddMembers: new Counter({
      name: 'agile_odd_members_total',
      help: 'Members told by the partner that are nobody of ours, or more than one for a participant.',
      labelNames: ['why'],
      registers: [registry],
    }),
    sent: { posts: 0, puts: 0 },
  };
}
