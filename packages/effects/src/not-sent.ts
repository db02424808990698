const neverLeft = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
]);

const marked = new WeakSet<Error>();

/** Marks an error of a call of which the partner itself said that it did nothing (a 429), so that its outcome is known. */
export function notMade<E extends Error>(error: E): E {
  marked.add(error);
  return error;
}

/** Whether a call failed before a single byte reached the partner, or is marked with {@link notMade}, so that its outcome is known: it was not made. */
export function wasNotSent(error: unknown): boolean {
  let one: unknown = error;
  for (let depth = 0; one instanceof Error && depth < 6; depth += 1) {
    if (marked.has(one)) return true;
    const { code } = one as { code?: unknown };
    if (typeof code === 'string' && neverLeft.has(code)) return true;
    one = one.cause;
  }
  return false;
}
