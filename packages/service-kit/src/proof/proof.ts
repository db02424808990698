/**
 * What a proof does to a running process: takes guards away (`off`), and is called at the named points where the process may
 * die or freeze. No setting leads here: only a file that is loaded before the service's own main (`node -r`, as
 * apps/referee does) can leave one behind, so no image and no environment turns a guard off by accident.
 */
export interface Proof {
  off: ReadonlySet<string>;
  at(point: string): void | Promise<void>;
}

const place = Symbol.for('studybridge.proof');

/** The proof that this process is under; undefined in every process that works. */
export function currentProof(): Proof | undefined {
  return (globalThis as { [place]?: Proof })[place];
}

/** Puts this process under a proof; to be called before a service is started. */
export function putUnderProof(proof: Proof): void {
  (globalThis as { [place]?: Proof })[place] = proof;
}
