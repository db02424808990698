import type { ReasonCode } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';

/** What a kill switch stops: everything, a study, a sender, a purpose of a study (`study/purpose`). */
export type SwitchScope = 'global' | 'study' | 'sender' | 'purpose';

/** A switch that is off: nothing it covers leaves until a person switches it on again (messaging.md §9.5). */
export interface OffSwitch {
  scope: SwitchScope;
  /** '' for global. */
  name: string;
  reason: ReasonCode;
  /** Who: a person's name, or `itself` for a rule that tripped. */
  by: string;
  /** Which rule, or what the person said; no participant data. */
  note: string | null;
  since: Date;
}

/** What the switches are asked about. */
export interface Switched {
  study: string;
  sender: string | null;
  purpose: string;
}

/** Switches off; what is off already stays as it is. True when it was on. */
export async function switchOff(em: EntityManager, off: OffSwitch): Promise<boolean> {
  const rows: unknown[] = await em.query(
    `INSERT INTO sending_switch (scope, name, reason, switched_by, note, since) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING RETURNING scope`,
    [off.scope, off.name, off.reason, off.by, off.note, off.since],
  );
  return rows.length > 0;
}

/** Switches on again; false when it was not off. */
export async function switchOn(em: EntityManager, scope: SwitchScope, name: string): Promise<boolean> {
  const [, count] = (await em.query('DELETE FROM sending_switch WHERE scope = $1 AND name = $2', [scope, name])) as [
    unknown,
    number,
  ];
  return count > 0;
}

/** All that are off, with the senders that did not pass their check (`by` is `check`; they come back by themselves). */
export function readSwitches(em: EntityManager): Promise<OffSwitch[]> {
  return em.query(
    `SELECT scope, name, reason, switched_by AS by, note, since FROM sending_switch
     UNION ALL
     SELECT 'sender', id, 'SENDER_NOT_READY', 'check', problem, checked_at FROM sender WHERE problem IS NOT NULL`,
  );
}

/** The switch that stops a message; null = none. */
export function stoppedBy(switches: readonly OffSwitch[], { study, sender, purpose }: Switched): OffSwitch | null {
  const covers = ({ scope, name }: OffSwitch): boolean =>
    scope === 'global' ||
    (scope === 'study' && name === study) ||
    (scope === 'sender' && name === sender) ||
    (scope === 'purpose' && name === `${study}/${purpose}`);
  return switches.find(covers) ?? null;
}
