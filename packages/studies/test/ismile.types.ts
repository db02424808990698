import { from, read } from '../src/ismile/words';

/** Compiled by ismile-agile.spec.ts: every line below an expectation must be refused, and nothing else. */
read([], 'baseline_arm_1', 'part_lang');
// @ts-expect-error TS2345 a misspelt field
read([], 'baseline_arm_1', 'part_language');
// @ts-expect-error TS2345 a field whose instrument lives in another event
read([], 'baseline_arm_1', 'eligible');
// @ts-expect-error TS2345 the arm's events hold no randomisation form
read([], '2_month_arm_2', 'rand_arm');
// @ts-expect-error TS2345 a missing choice code: "prefers not to say"
from.coded('baseline_arm_1', 'part_gender', { '1': 'female', '2': 'male', '3': 'another' });
// @ts-expect-error TS2322 a code that is no choice
from.coded('baseline_arm_1', 'rand_arm', { '1': 'none', '2': 'OHT', '3': 'CWT' });
