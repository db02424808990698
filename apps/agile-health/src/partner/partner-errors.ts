import { StudybridgeError, type ErrorClass, type ReasonCode } from '@studybridge/contracts';

/** A call to the texting partner that did not do what was asked. Holds no key, no number, no name (laws 5 and 9). */
export class PartnerError extends StudybridgeError {
  /** Fields the partner refused, as `field:CODE`; the names are the contract's. */
  readonly fields: string[];
  /** The partner's own code, when it is one of the contract's. */
  readonly partnerCode: string | null;

  constructor(
    message: string,
    o: {
      code: ReasonCode | (string & {});
      errorClass: ErrorClass;
      remedy: string;
      retryAfterSeconds?: number;
      cause?: unknown;
      fields?: string[];
      partnerCode?: string;
    },
  ) {
    super(message, o);
    this.fields = o.fields ?? [];
    this.partnerCode = o.partnerCode ?? null;
  }
}

const wait = 'Wait; it heals by itself.';

/** No answer, or none in time: what became of the call is not known. `reason` is a code such as ECONNREFUSED. */
export function unreachable(reason: string): PartnerError {
  return new PartnerError(`The texting partner did not answer (${reason}).`, {
    code: 'PARTNER_UNREACHABLE',
    errorClass: 'dependency',
    remedy: 'Check the network and the partner’s status page; it heals by itself.',
    // The bare code: with it the ledger of effects sees which calls never left.
    cause: Object.assign(new Error('no answer'), { code: reason }),
  });
}

/** An answer that is not what the contract says: HTML, cut short, or without the fields it must have. */
export function unreadable(what: string): PartnerError {
  return new PartnerError(`The texting partner’s answer cannot be used: ${what}.`, {
    code: 'PARTNER_UNREADABLE',
    errorClass: 'dependency',
    remedy: 'Check that AGILE_HEALTH_URL leads to the partner and not to a proxy’s page.',
  });
}

/** Refused because of this participant's own data. */
export function refused(code: ReasonCode, message: string, partnerCode?: string, fields?: string[]): PartnerError {
  return new PartnerError(message, {
    code,
    errorClass: 'participant',
    remedy: 'See the worklist for what to correct.',
    partnerCode,
    fields,
  });
}

/** Turns an answer that is no success into an error of the right class. `body` is the parsed JSON, null when it is none. */
export function errorOfAnswer(
  call: 'read' | 'enrol' | 'change',
  status: number,
  body: { code?: unknown; fields?: unknown } | null,
  retryAfter: string | undefined,
): PartnerError {
  const partnerCode = typeof body?.code === 'string' && /^[A-Z_]{2,40}$/.test(body.code) ? body.code : undefined;
  const said = `${status}${partnerCode === undefined ? '' : ` ${partnerCode}`}`;
  if (status === 429) {
    return new PartnerError('The texting partner asks us to slow down.', {
      code: 'PARTNER_BUSY',
      errorClass: 'dependency',
      remedy: wait,
      retryAfterSeconds: secondsOf(retryAfter),
    });
  }
  if (status >= 500 || status === 408 || status === 425) {
    return new PartnerError(`The texting partner failed (${said}).`, {
      code: 'PARTNER_FAILED',
      errorClass: 'dependency',
      remedy: wait,
      retryAfterSeconds: secondsOf(retryAfter),
    });
  }
  if (status === 401 || status === 403) {
    return new PartnerError(`The texting partner does not accept our key (${said}).`, {
      code: 'PARTNER_KEY',
      errorClass: 'setting',
      remedy: 'Check AGILE_HEALTH_KEY; a new key is taken over at the next start.',
    });
  }
  if (status === 409 && partnerCode === 'DUPLICATE_MOBILE') {
    return refused('DUPLICATE_MOBILE', 'The partner already has a member with this mobile number.', partnerCode);
  }
  if (status === 409 && partnerCode === 'ARM_LOCKED') {
    return refused('ARM_CONFLICT', 'The partner has another arm for this member and does not change it.', partnerCode);
  }
  // Only the partner itself may refuse a family; a page from something in between says nothing about it.
  if (body === null && status !== 404) return unreadable(`status ${status} and no JSON`);
  if (status === 422 || (status === 400 && call !== 'read')) {
    return refused('REFUSED_FIELDS', `The partner refused the details (${said}).`, partnerCode, fieldsOf(body?.fields));
  }
  // A member that the partner no longer knows is that family's affair; a list that is not there is the address's.
  if (
    call === 'change' &&
    (status === 409 || status === 410 || partnerCode === 'UNKNOWN_MEMBER' || partnerCode === 'NOT_FOUND')
  ) {
    return refused('OUT_OF_STEP', `The partner does not change this member (${said}).`, partnerCode);
  }
  if (call === 'enrol' && status === 409) {
    return refused('OUT_OF_STEP', `The partner does not create this member (${said}).`, partnerCode);
  }
  return new PartnerError(`The texting partner does not know this address or call (${said}).`, {
    code: 'PARTNER_ADDRESS',
    errorClass: 'setting',
    remedy: 'Check AGILE_HEALTH_URL (without /v1) and the programme’s name.',
    partnerCode,
  });
}

function secondsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const seconds = /^\d{1,6}$/.test(retryAfter.trim())
    ? Number(retryAfter)
    : Math.ceil((Date.parse(retryAfter) - Date.now()) / 1_000);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) : undefined;
}

function fieldsOf(fields: unknown): string[] {
  if (!Array.isArray(fields)) return [];
  return fields
    .map((one: unknown) => one as { field?: unknown; code?: unknown })
    .filter(({ field, code }) => isWord(field) && isWord(code))
    .map(({ field, code }) => `${String(field)}:${String(code)}`)
    .slice(0, 20);
}

function isWord(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z_.]{1,40}$/.test(value);
}
