import { StudybridgeError } from '@studybridge/contracts';
import { notMade, wasNotSent } from '@studybridge/effects';

/** Twilio answered a request with an error code of its own: nothing was done. */
export class TwilioRefusal extends StudybridgeError {
  constructor(
    readonly status: number,
    /** Twilio's error code as text, e.g. `21610`; the status where there was none. */
    readonly twilioCode: string,
  ) {
    super(`Twilio refused a request (${twilioCode}).`, {
      code: 'TWILIO_REFUSED',
      errorClass: 'participant',
      remedy: `See https://www.twilio.com/docs/api/errors/${twilioCode}.`,
    });
  }
}

/** What an error of the client is known by: nothing else of it is kept, for it carries credentials, numbers and texts. */
interface Traces {
  status?: unknown;
  code?: unknown;
}

/**
 * What the client threw, as an error of ours: `TwilioRefusal` (surely nothing was done), a `setting` error for credentials and
 * suspended accounts and a `dependency` error for 429 and connections that never were (both marked as not made), else a
 * `dependency` error of unknown outcome. The original is dropped on purpose (messaging.md §3).
 */
export function twilioError(error: unknown): StudybridgeError {
  if (error instanceof StudybridgeError) return error;
  const { status, code } = (typeof error === 'object' && error !== null ? error : {}) as Traces;
  const http = typeof status === 'number' ? status : null;
  const ours = typeof code === 'number' || (typeof code === 'string' && /^\d+$/.test(code)) ? String(code) : null;
  if (http === 401 || ours === '20003') {
    return notMade(
      new StudybridgeError('Twilio does not accept the account or its token.', {
        code: 'TWILIO_LOGIN',
        errorClass: 'setting',
        remedy: 'Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and whether the account is suspended.',
      }),
    );
  }
  if (http === 429 || ours === '20429') {
    return notMade(away('TWILIO_BUSY', 'Twilio asks us to slow down.', 2));
  }
  if (http !== null && http >= 400 && http < 500 && ours !== null) return new TwilioRefusal(http, ours);
  if (http !== null) return away('TWILIO_TROUBLE', `Twilio answered with status ${http} and no code of its own.`);
  if (typeof code === 'string' && wasNotSent(error)) return notMade(away(code, 'Twilio cannot be reached.'));
  const why = typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code) ? ` (${code})` : '';
  return away('TWILIO_UNKNOWN', `It is not known what Twilio did with a request${why}.`);
}

/** An answer that says nothing: what was done is unknown. */
export function unreadable(): StudybridgeError {
  return away('TWILIO_UNREADABLE', 'Twilio’s answer cannot be read.');
}

function away(code: string, message: string, retryAfterSeconds?: number): StudybridgeError {
  return new StudybridgeError(message, {
    code,
    errorClass: 'dependency',
    remedy: 'Nothing to do; it is looked up or tried again by itself.',
    retryAfterSeconds,
  });
}
