import { smartEncode } from './segments';
import { TwilioError } from './twilio-error';
import type { TwilioOptions, TwilioService } from './twilio-options';
import type { Order } from './traffic';

const dayMs = 86_400_000;
const longestValidityS = 36_000;

/** Reads the form of a create request. Throws what Twilio refuses about it; who may not be written to is found out later. */
export function checkOrder(
  form: URLSearchParams,
  realAt: number,
  now: Date,
  { numbers, services }: TwilioOptions,
  noGeoPermission: readonly string[],
): Order {
  const to = form.get('To')?.trim() ?? '';
  const from = form.get('From')?.trim() ?? '';
  const serviceSid = form.get('MessagingServiceSid') ?? '';
  const text = form.get('Body') ?? '';
  if (to === '') throw new TwilioError(21604);
  if (from === '' && serviceSid === '') throw new TwilioError(21603);
  if (/^\d{3,6}$/.test(to)) throw new TwilioError(21265, { to });
  const number = e164(to);
  if (number === null) throw new TwilioError(21211, { to: masked(to) });
  if (text === '') throw new TwilioError(21602);
  const body = form.get('SmartEncoded') === 'true' ? smartEncode(text) : text;
  if (body.length > 1_600) throw new TwilioError(21617);
  const service = serviceSid === '' ? null : serviceOf(services, serviceSid);
  const sender = from === '' ? null : senderOf(from);
  if (sender === number) throw new TwilioError(21266, { to: number });
  if (sender !== null && !numbers.some(({ phoneNumber }) => phoneNumber === sender)) {
    throw new TwilioError(21606, { from });
  }
  if (noGeoPermission.some((prefix) => number.startsWith(prefix))) throw new TwilioError(21408, { to: number });
  return {
    from: sender,
    service,
    to: number,
    body,
    statusCallback: callbackOf(form.get('StatusCallback')),
    validityMs: validityOf(form.get('ValidityPeriod')) * 1_000,
    sendAt: sendAtOf(form, service, now),
    realAt,
  };
}

/** A number as Twilio writes it (what people type for a US one is taken too); null when it is none. */
export function e164(number: string): string | null {
  const bare = number.replace(/[\s().-]/g, '');
  const whole = /^\d{10}$/.test(bare) ? `+1${bare}` : /^1\d{10}$/.test(bare) ? `+${bare}` : bare;
  if (whole.startsWith('+1')) return /^\+1[2-9]\d{2}[2-9]\d{6}$/.test(whole) ? whole : null;
  return /^\+[2-9]\d{6,14}$/.test(whole) ? whole : null;
}

function senderOf(from: string): string {
  if (/^\d{3,6}$/.test(from)) return from;
  const number = e164(from);
  if (number === null) throw new TwilioError(21212, { from });
  return number;
}

function serviceOf(services: readonly TwilioService[], sid: string): TwilioService {
  const service = services.find((known) => known.sid === sid);
  if (!service) throw new TwilioError(21701, { what: sid });
  if (service.senders.length === 0) throw new TwilioError(21704);
  return service;
}

function callbackOf(url: string | null): string | null {
  if (url === null || url === '') return null;
  try {
    const { protocol, hostname } = new URL(url);
    if (/^https?:$/.test(protocol) && !hostname.includes('_')) return url;
  } catch {
    // said below
  }
  throw new TwilioError(21609, { what: url });
}

function validityOf(text: string | null): number {
  if (text === null || text === '') return longestValidityS;
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= longestValidityS) return seconds;
  throw new TwilioError(30400);
}

function sendAtOf(form: URLSearchParams, service: TwilioService | null, now: Date): Date | null {
  if (form.get('ScheduleType') !== 'fixed') return null;
  const text = form.get('SendAt');
  if (text === null || text === '') throw new TwilioError(35111);
  if (!service) throw new TwilioError(35118);
  const at = new Date(text);
  const ahead = at.getTime() - now.getTime();
  if (!(ahead >= 300_000 && ahead <= 35 * dayMs)) throw new TwilioError(35114);
  return at;
}

/** Twilio hides the end of a number in its errors. */
function masked(number: string): string {
  return number.replace(/.{4}$/, 'XXXX');
}
