import type { OracleRecord } from '@studybridge/studies';
import type { FlatRow, WorldState } from './comparable-state';

/** What the world shows of one record, in the oracle's words. */
export function seen(world: WorldState, record: string): object {
  const row: FlatRow =
    world.cells.find((each) => each.record_id === record && each.redcap_event_name === 'baseline_arm_1') ?? {};
  const member = world.members.find((each) => each.memberId === row.ag_member_id);
  return {
    member: member !== undefined,
    partnerStatus: member?.status ?? null,
    arm: member?.arm ?? null,
    agStatus: row.ag_status ?? '',
    agEnrollStatus: row.ag_enroll_status ?? '',
    attention: row.ag_attention_reason || null,
    held: ['8', '9'].includes(row.ag_enroll_status ?? '') ? row.ag_last_error : null,
  };
}

/** The same of what the oracle says of a record. Throws when it knows none. */
export function told(record: OracleRecord | undefined): object {
  if (!record) throw new Error('the oracle does not know the record');
  return {
    member: record.member,
    partnerStatus: record.partnerStatus,
    arm: record.arm,
    agStatus: record.agStatus,
    agEnrollStatus: record.agEnrollStatus ?? expect.any(String),
    attention: record.attention,
    held: record.held,
  };
}
