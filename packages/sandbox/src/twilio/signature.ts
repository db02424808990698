import { createHmac } from 'node:crypto';

/**
 * `X-Twilio-Signature` of a form-encoded webhook: HMAC-SHA1 over the address as it was configured (with its query, without
 * its fragment) and every parameter, sorted by name. `messaging.md §2`.
 */
export function sign(token: string, url: string, params: Record<string, string>): string {
  const signed = Object.keys(params)
    .sort()
    .reduce((all, name) => `${all}${name}${params[name]}`, withoutFragment(url));
  return createHmac('sha1', token).update(signed, 'utf8').digest('base64');
}

/** An address without what stands behind its `#`. */
export function withoutFragment(url: string): string {
  return url.split('#', 1)[0]!;
}
