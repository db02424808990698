import { currentProof } from '@studybridge/service-kit';

/**
 * The places where a process may die around a call: the attempt is noted and the call not made (`attempting`), the partner
 * has it and we have not noted it (`called`), noted (`settled`).
 */
export type EffectPoint = 'attempting' | 'called' | 'settled';

/**
 * For proofs only: each switch takes away one of the guards, so that a test can show that it bites; `at` is called at each
 * point, with the kind of the effect, and may throw or kill. No app sets any of it from its environment; see service-kit's
 * `Proof`.
 */
export interface EffectFaults {
  /** A call is made without looking whether the partner has it: neither after an unknown outcome nor before the first. */
  lookUpOff?: boolean;
  /** An outcome is noted although another process has taken the effect over. */
  epochCheckOff?: boolean;
  at?: (point: EffectPoint, kind: string) => void | Promise<void>;
}

/** The faults of the proof that this process is under; none in every process that works. */
export function faultsOfProof(): EffectFaults {
  const proof = currentProof();
  if (proof === undefined) return {};
  return {
    lookUpOff: proof.off.has('look-up'),
    epochCheckOff: proof.off.has('epoch-check'),
    // Any effect comes to `called`; a proof that is about one kind says `agile.update called`.
    at: async (point, kind) => {
      await proof.at(point);
      await proof.at(`${kind} ${point}`);
    },
  };
}
