import type { SendKind } from '../decide/situation';

/** Names of the effects in the ledger. */
export const effectKinds = {
  adopt: 'agile.adopt',
  enrol: 'agile.enrol',
  update: 'agile.update',
  arm: 'agile.arm',
  withdraw: 'agile.withdraw',
} as const satisfies Record<SendKind, string>;

/**
 * The permanent key of an effect; the partner gets it as Idempotency-Key. Arm and withdrawal happen once in a member's
 * life, so their number shows only when an earlier one was taken back before it was sent.
 */
export function effectKey(kind: SendKind, participantId: string, no: number): string {
  const once = kind === 'arm' || kind === 'withdraw';
  return `${effectKinds[kind]}:${participantId}${once && no === 1 ? '' : `:${no}`}`;
}
