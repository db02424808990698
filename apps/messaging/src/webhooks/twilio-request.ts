import twilio from 'twilio';

/** A request to one of our webhooks, as far as it matters. */
export interface WebhookRequest {
  /** Path and query, as they came. */
  path: string;
  signature: string | undefined;
  params: Record<string, unknown>;
}

/**
 * Whether Twilio signed a request for this account. The address is our public one, never the Host header's; two tokens are good while the
 * token is changed (messaging.md §2).
 */
export function isSigned(o: {
  request: WebhookRequest;
  base: string;
  tokens: readonly string[];
  accountSid: string;
}): boolean {
  const { request, base, tokens } = o;
  if (request.signature === undefined || request.signature === '') return false;
  const signature = request.signature;
  const url = `${base}${request.path}`;
  if (!tokens.some((token) => twilio.validateRequest(token, signature, url, request.params))) return false;
  return request.params['AccountSid'] === o.accountSid;
}

/** A parameter as text; `''` for none. */
export function textOf(params: Record<string, unknown>, name: string): string {
  const value = params[name];
  return typeof value === 'string' ? value : '';
}
