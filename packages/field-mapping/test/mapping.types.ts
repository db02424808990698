import { cellReader } from '../src';
import { codebook, from, type Partner } from './fixture';

/** Compiled by types.spec.ts: every line below an expectation must be refused, and nothing else. */
const read = cellReader(codebook);
read([], 'follow_up_arm_1', 'came');
// @ts-expect-error TS2345 a misspelt field
read([], 'baseline_arm_1', 'frist_name');
// @ts-expect-error TS2345 an event where the instrument does not live
read([], 'follow_up_arm_1', 'first_name');
// @ts-expect-error TS2345 an event that does not exist
read([], 'month_2_arm_1', 'came');

from.text('baseline_arm_1', 'first_name');
// @ts-expect-error TS2345 a misspelt field
from.text('baseline_arm_1', 'frist_name');
// @ts-expect-error TS2345 an event where the instrument does not live
from.text('follow_up_arm_1', 'first_name');

from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'es' });
// @ts-expect-error TS2345 a missing choice code
from.coded('baseline_arm_1', 'language', { '1': 'en' });
// @ts-expect-error TS2322 a code that is no choice
from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'es', '3': 'fr' });
// @ts-expect-error TS2345 a missing choice code of a form's status
from.coded('baseline_arm_1', 'person_complete', { '0': 'no', '2': 'yes' });

const whole = {
  name: from.text('baseline_arm_1', 'first_name'),
  came: from.optional(from.coded('follow_up_arm_1', 'came', { '1': true, '0': false })),
  extra: from.constant({ source: 'redcap' }),
};
// @ts-expect-error TS2345 a field of the partner that comes from nowhere
from.mapping<Partner>('partner', whole);
from.mapping<Partner>('partner', {
  ...whole,
  // @ts-expect-error TS2322 a word that the partner does not know
  language: from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'fr' }),
});
from.mapping<{ language: 'en' | 'es' | 'fr' }>('partner', {
  // @ts-expect-error TS2322 a word of the partner that no code stands for
  language: from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'es' }),
});
from.mapping<{ name: string }>('partner', {
  // @ts-expect-error TS2322 an optional source for a field that the partner insists on
  name: from.optional(from.text('baseline_arm_1', 'first_name')),
});
