import type { Row } from '@studybridge/contracts';
import { rowsOf } from '@studybridge/field-mapping';
import type { AgileFields, AgileHealthDefinition } from '../../define-agile-health';
import type { codebook } from '../codebook';
import { settings } from '../settings';
import { armMapping } from './arm-mapping';
import { attentionOf } from './attention';
import { enrolmentGate } from './gate';
import { memberMapping } from './member-mapping';
import { mayMove, statuses, statusOfCode, unknownStatus } from './status-table';
import { read } from '../words';

type IsmileField = keyof typeof codebook.fields;

const fields = {
  memberId: 'ag_member_id',
  enrollStatus: 'ag_enroll_status',
  status: 'ag_status',
  statusLabel: 'ag_status_label',
  statusDate: 'ag_status_date',
  optinDate: 'ag_optin_date',
  optoutDate: 'ag_optout_date',
  armSent: 'ag_arm_sent',
  armSentTs: 'ag_arm_sent_ts',
  lastSentHash: 'ag_last_sent_hash',
  lastError: 'ag_last_error',
  lastTimestamp: 'ag_last_timestamp',
  needsAttention: 'ag_needs_attention',
  attentionReason: 'ag_attention_reason',
} as const satisfies Record<keyof AgileFields, IsmileField>;

const event: keyof typeof codebook.events = 'baseline_arm_1';
const instrument: (typeof codebook.fields)['ag_status']['instrument'] = 'agile_link';

/** Of its own field alone: an unknown code elsewhere must hide neither the consent nor the withdrawal (law 2). */
const consentDate = (person: readonly Row[]): string | null =>
  read(person, 'baseline_arm_1', 'part_consent_date').trim() || null;

/** iSMILE at the texting partner (studies.md §1.5 and §6). */
export const agileHealth: AgileHealthDefinition = {
  program: 'ismile',
  project: 'main',
  timezone: settings.zone,
  consentDate,
  consented: (person) => consentDate(person) !== null,
  withdrawn: (person) => read(person, 'baseline_arm_1', 'part_withdrawn') === '1',
  gate: enrolmentGate,
  member: (person) => memberMapping.decode(person),
  fromMember: (member) => rowsOf(memberMapping.encode(member)),
  arm(person) {
    const { arm, randomizedOn } = armMapping.decode(person);
    return arm === undefined || randomizedOn === undefined ? null : { arm, randomizedOn };
  },
  armCode: (arm) => armMapping.encode({ arm }).find((cell) => cell.field === 'rand_arm')?.value ?? '',
  statuses,
  unknownStatus,
  statusOfCode,
  mayMove,
  attentionOf,
  enrollStatuses: { notSent: '0', sent: '1', confirmed: '2', held: '8', refused: '9' },
  cells: { event, instrument, fields },
};
