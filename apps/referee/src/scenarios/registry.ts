import { bite } from './bite';
import { enrolment } from './enrolment';
import { messaging, pacing } from './messaging';
import type { Scenario } from './scenario';
import { soak } from './soak';

/** Every scenario of `npm run chaos -- --scenario <name>`; the first is what runs without a name. */
export const scenarios: readonly Scenario[] = [enrolment, messaging, pacing, bite, soak];
