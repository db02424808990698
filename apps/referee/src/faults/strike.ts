import type { FaultSpec } from '@studybridge/studies';

/** The named points at which a service can be stopped, by service. The bus's points are in every service. */
export const points: Record<string, readonly string[]> = {
  'redcap-gateway': [
    'outbox.read',
    'relay.published',
    'inbox.stored',
    'work.handled',
    'work.committed',
    'poll:staged',
    'poll:stored',
    'write:attempting',
    'write:imported',
    'write:read-back',
  ],
  'agile-health': [
    'outbox.read',
    'relay.published',
    'inbox.stored',
    'work.handled',
    'work.committed',
    'attempting',
    'called',
    'settled',
    'enrol.posted',
    'update.put',
    'arm.put',
    'withdraw.put',
    'status.page-applied',
  ],
  // Around a send: before the note of the letter, between it and the call, between the call and its record, between the record and the
  // message's end; while it is asked after.
  messaging: ['attempting', 'message.noted', 'message.posted', 'settled', 'message.asked'],
};

/**
 * One thing done to a running system. `point` null: at a random moment, after `after` movements of the system. What is frozen
 * thaws after a while, or, with `thawAt`, when time has come to the stop of that number. What is held only stands at its point,
 * alive, until a second one comes there or has had the time to.
 */
export type Strike =
  | { what: 'kill' | 'freeze' | 'hold'; service: string; point: string | null; after: number; thawAt?: number }
  | { what: 'kill-broker' | 'lose-volume' | 'kill-database'; after: number };

/** A fault that the outside plays to the next matching call. */
export interface OutsideFault {
  target: 'redcap' | 'agile';
  fault: FaultSpec | (Omit<FaultSpec, 'kind'> & { kind: 'stale' });
}

/** What happens at which stop of the time, by the stop's number. */
export interface Plan {
  strikes: { stop: number; strike: Strike }[];
  outside: { stop: number; fault: OutsideFault }[];
  /** Faults that last for the whole run. */
  lasting: OutsideFault[];
}
