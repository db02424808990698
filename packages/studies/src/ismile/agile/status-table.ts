import type { AgileStatus } from '../../define-agile-health';
import { labelOf } from '../../define-project';
import { projectFiles } from '../project-data';
import { from } from '../words';

/** studies.md §6: the partner's words by the codes of `ag_status`. */
const words = {
  '10': 'RECEIVED',
  '11': 'NUMBER_CHECKING',
  '12': 'INVALID_NUMBER',
  '13': 'SHORTCODE_BLOCKED',
  '20': 'OPT_IN_SENT',
  '21': 'OPT_IN_EXPIRED',
  '30': 'OPTED_IN',
  '40': 'ACTIVE',
  '41': 'PAUSED',
  '42': 'UNDELIVERABLE',
  '50': 'COMPLETED',
  '60': 'BOOSTER_SCHEDULED',
  '61': 'BOOSTER_ACTIVE',
  '62': 'BOOSTER_COMPLETED',
  '70': 'OPTED_OUT',
  '80': 'WITHDRAWN',
  '99': 'ERROR_UNKNOWN',
} as const;

type PartnerStatus = (typeof words)[keyof typeof words];

/** The cell that holds the status, so that a status without a choice in the dictionary, or the reverse, does not compile. */
export const statusMapping = from.mapping<{ status?: PartnerStatus }>('agile-status', {
  status: from.optional(from.coded('baseline_arm_1', 'ag_status', words)),
});

const unknownCode = '99';
const known = Object.entries(words).filter(([code]) => code !== unknownCode);

/** By the partner's word; ERROR_UNKNOWN is ours and therefore not among them. */
export const statuses: Readonly<Record<string, AgileStatus>> = Object.fromEntries(
  known.map(([code, word]) => [word, { code, label: labelOf(projectFiles, 'ag_status', code) }]),
);

/** For a word that is not in the table; the raw word is written as the label. */
export const unknownStatus: AgileStatus = { code: unknownCode, label: labelOf(projectFiles, 'ag_status', unknownCode) };

/** The partner's word for a code, null for the unknown one. */
export function statusOfCode(code: string): string | null {
  return known.find(([candidate]) => candidate === code)?.[1] ?? null;
}

/** studies.md §6, "Allowed moves"; every status but WITHDRAWN may also move to WITHDRAWN. */
const moves: Readonly<Partial<Record<PartnerStatus, readonly PartnerStatus[]>>> = {
  RECEIVED: ['NUMBER_CHECKING'],
  NUMBER_CHECKING: ['INVALID_NUMBER', 'SHORTCODE_BLOCKED', 'OPT_IN_SENT'],
  INVALID_NUMBER: ['NUMBER_CHECKING'],
  SHORTCODE_BLOCKED: ['NUMBER_CHECKING'],
  OPT_IN_SENT: ['OPT_IN_EXPIRED', 'OPTED_IN', 'OPTED_OUT'],
  OPT_IN_EXPIRED: ['OPT_IN_SENT'],
  OPTED_IN: ['ACTIVE'],
  ACTIVE: ['PAUSED', 'UNDELIVERABLE', 'COMPLETED', 'OPTED_OUT'],
  PAUSED: ['ACTIVE'],
  UNDELIVERABLE: ['NUMBER_CHECKING'],
  COMPLETED: ['BOOSTER_SCHEDULED'],
  BOOSTER_SCHEDULED: ['BOOSTER_ACTIVE'],
  BOOSTER_ACTIVE: ['BOOSTER_COMPLETED'],
  OPTED_OUT: ['OPT_IN_SENT'],
};

/** Whether a status may follow another, by one or several moves, since polls see last states only. */
export function mayMove(fromStatus: string | null, to: string): boolean {
  if (statuses[to] === undefined) return false;
  if (fromStatus === null || fromStatus === to || statuses[fromStatus] === undefined) return true;
  if (to === 'WITHDRAWN') return true;
  const reached = new Set<string>([fromStatus]);
  for (const status of reached) {
    for (const next of moves[status as PartnerStatus] ?? []) reached.add(next);
  }
  return reached.has(to);
}
