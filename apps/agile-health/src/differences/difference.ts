import type { DifferenceKind, ReasonCode } from '@studybridge/contracts';

/**
 * Why a difference stands: who moved since the three last agreed (`REDCAP_CHANGED`, `PARTNER_CHANGED`, `BOTH_CHANGED`), that
 * one side lacks it, or the reason for which it was not put right by itself.
 */
export type DifferenceCause =
  | 'REDCAP_CHANGED'
  | 'PARTNER_CHANGED'
  | 'BOTH_CHANGED'
  | 'MISSING'
  | 'HELD_AT_BASELINE'
  | 'HELD_BY_SCHEMA'
  | 'HELD_BY_RESTORE'
  | ReasonCode;

/** One difference of one participant; `fields` are names, never values. */
export interface Difference {
  kind: DifferenceKind;
  cause: DifferenceCause;
  fields: string[];
}
