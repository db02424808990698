const neverLeft = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
]);

/** Whether a call failed before a single byte reached the partner, so that its outcome is known: it was not made. */
export function wasNotSent(error: unknown): boolean {
  let one: unknown = error;
  for (let depth = 0; one instanceof Error && depth < 6; depth += 1) {
    const { code } = one as { code?: unknown };
    if (typeof code === 'string' && neverLeft.has(code)) return true;
    one = one.cause;
  }
  return false;
}
