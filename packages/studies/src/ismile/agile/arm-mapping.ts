import type { AgileArm } from '../../define-agile-health';
import { from } from '../words';

interface Randomization {
  arm?: AgileArm;
  /** `YYYY-MM-DD`. */
  randomizedOn?: string;
}

/** The randomisation form (studies.md §1.3), both ways; the field, not an event's name, is the authority for the arm. */
export const armMapping = from.mapping<Randomization>('agile-arm', {
  arm: from.optional(from.coded('baseline_arm_1', 'rand_arm', { '2': 'OHT', '3': 'CWT' })),
  randomizedOn: from.optional(from.text('baseline_arm_1', 'rand_date')),
});
