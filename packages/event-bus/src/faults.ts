import { currentProof } from '@studybridge/service-kit';

/**
 * The places where a process may die, in the order of a message's way: after the producer committed and before anything
 * left (`outbox.read`), after the carrier accepted and before that is noted (`relay.published`), after the inbox committed
 * and before the carrier knows (`inbox.stored`), before a handler's transaction commits (`work.handled`), after it did.
 */
export type BusPoint = 'outbox.read' | 'relay.published' | 'inbox.stored' | 'work.handled' | 'work.committed';

/**
 * For proofs only: each switch takes away one of the guards, so that a test can show that it bites; `at` is called at each
 * point and may throw or kill. No app sets any of it from its environment; see service-kit's `Proof`.
 */
export interface BusFaults {
  /** Every replica publishes, not only the holder of the relay lock. */
  relayLockOff?: boolean;
  /** The outbox rows are written after the producing transaction, not in it. */
  outboxTransactionOff?: boolean;
  /** A message that was worked before is worked again when it comes again. */
  inboxDropOff?: boolean;
  at?: (point: BusPoint) => void | Promise<void>;
}

/** The faults of the proof that this process is under; none in every process that works. */
export function faultsOfProof(): BusFaults {
  const proof = currentProof();
  if (proof === undefined) return {};
  return {
    relayLockOff: proof.off.has('relay-lock'),
    outboxTransactionOff: proof.off.has('outbox-transaction'),
    inboxDropOff: proof.off.has('inbox-drop'),
    at: (point) => proof.at(point),
  };
}
