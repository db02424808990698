import type { FaultSpec as CohortFault } from '@studybridge/studies';

/**
 * A scripted fault. What each kind does to the call that meets it:
 * `timeout-after-commit` does the work and never answers (drops the connection after `ms`); `reset` drops the connection
 * and does nothing; `429` and `503` refuse; `slow` answers after `ms`; `missing-rows` leaves out `rows` rows; `empty` does the
 * work and answers 200 with nothing; `content-type` answers 200 with an HTML page; `truncated` cuts the answer in half;
 * `clock-skew` shifts the partner's instants by `ms`; `forgetful` (Agile) ignores keys and known external ids;
 * `stale` (Agile) tells the status before the last one.
 */
export type FaultSpec = Omit<CohortFault, 'kind'> & { kind: CohortFault['kind'] | 'stale' };
