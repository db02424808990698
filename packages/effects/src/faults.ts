/**
 * The places where a process may die around a call: the attempt is noted and the call not made (`attempting`), the partner
 * has it and we have not noted it (`called`), noted (`settled`).
 */
export type EffectPoint = 'attempting' | 'called' | 'settled';

/**
 * For proofs only: each switch takes away one of the guards, so that a test can show that it bites; `at` is called at each
 * point and may throw or kill. No app sets any of it from its environment.
 */
export interface EffectFaults {
  /** A call whose outcome is unknown is made again without looking. */
  lookUpOff?: boolean;
  /** An outcome is noted although another process has taken the effect over. */
  epochCheckOff?: boolean;
  at?: (point: EffectPoint) => void | Promise<void>;
}
