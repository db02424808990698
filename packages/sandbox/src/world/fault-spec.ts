import type { FaultSpec as CohortFault } from '@studybridge/studies';

/**
 * A scripted fault. What each kind does to the call that meets it:
 * `timeout-after-commit` does the work and never answers (drops the connection after `ms`); `reset` drops the connection
 * and does nothing; `429` and `503` refuse; `slow` answers after `ms`; `missing-rows` leaves out `rows` rows; `empty` does the
 * work and answers 200 with nothing; `content-type` answers 200 with an HTML page; `truncated` cuts the answer in half;
 * `clock-skew` shifts the partner's instants by `ms`; `forgetful` (Agile) ignores keys and known external ids;
 * `stale` (Agile, Twilio) tells the status before the last one. Twilio besides: `500` and `502-html` refuse without a word of
 * what happened, `500-after-commit` does the work and answers 500. The mailbox besides: `550` refuses, `451` puts off.
 */
export type FaultSpec = Omit<CohortFault, 'kind'> & {
  kind: CohortFault['kind'] | 'stale' | '500' | '502-html' | '500-after-commit' | '550' | '451';
};
