import { StudybridgeError, type ErrorClass } from '@studybridge/contracts';

interface RedcapErrorOptions {
  code: string;
  errorClass: ErrorClass;
  remedy: string;
  retryAfterSeconds?: number;
}

/** Base of every error of this client. No message holds a token, an address's query or a participant's value (laws 5 and 9). */
export class RedcapError extends StudybridgeError {
  constructor(message: string, options: RedcapErrorOptions) {
    super(message, options);
  }
}

/** No usable answer: unreachable, timed out, 429, 5xx. Heals by itself. Whether the call took effect is not known. */
export class RedcapUnavailableError extends RedcapError {
  constructor(
    message: string,
    code: string,
    retryAfterSeconds?: number,
    /** Whether not a byte of the request reached REDCap. */
    readonly neverLeft = false,
  ) {
    super(message, {
      code,
      errorClass: 'dependency',
      remedy: 'Wait; it is tried again. If it lasts, ask the REDCap administrator.',
      retryAfterSeconds,
    });
  }
}

/** The caller's own signal ended the call. Whether it took effect is not known. */
export class RedcapAbortedError extends RedcapError {
  constructor() {
    super('The call to REDCap was ended by its caller.', {
      code: 'REDCAP_ABORTED',
      errorClass: 'dependency',
      remedy: 'Nothing to do.',
    });
  }
}

/** An answer that cannot be believed (law 4): HTML, wrong content type, cut off, empty, or fewer rows than asked for. */
export class RedcapBadAnswerError extends RedcapError {
  constructor(message: string, code: string) {
    super(message, {
      code,
      errorClass: 'dependency',
      remedy: 'Wait; it is read again. If it lasts, look at what stands between Studybridge and REDCap.',
    });
  }
}

/** The token is unknown or lacks a right, or the address is not REDCap’s API. Heals when the setting is put right. */
export class RedcapAccessError extends RedcapError {
  constructor(message: string, code: string, remedy: string) {
    super(message, { code, errorClass: 'setting', remedy });
  }
}

/** REDCap understood and refused (400). The text it gave is not repeated, since it may quote values. */
export class RedcapRefusedError extends RedcapError {
  constructor(message: string, code = 'REDCAP_BAD_REQUEST', more: Partial<RedcapErrorOptions> = {}) {
    super(message, { code, errorClass: 'bug', remedy: 'Check the study folder against the project.', ...more });
  }
}

/** REDCap does not know these fields (redcap-api.md §1.8): the dictionary changed under us. */
export class RedcapUnknownFieldsError extends RedcapRefusedError {
  constructor(readonly fields: string[]) {
    super(`REDCap does not know the fields ${fields.join(', ')}.`, 'REDCAP_UNKNOWN_FIELDS');
  }
}

/** REDCap knows no such records. Their numbers stand in `records`, not in the message. */
export class RedcapNoRecordError extends RedcapRefusedError {
  constructor(readonly records: readonly string[]) {
    super(`REDCap knows no such record (${records.length} of those named).`, 'REDCAP_NO_RECORD', {
      errorClass: 'participant',
      remedy: 'Check whether the record was deleted or renamed.',
    });
  }
}

/**
 * An import in several calls that stopped in the middle: `imported` records are in REDCap, the rest is not known or not
 * sent. Code, class and remedy are those of `reason`.
 */
export class RedcapImportStoppedError extends RedcapError {
  constructor(
    readonly reason: RedcapError,
    readonly imported: readonly string[],
  ) {
    super(`An import stopped after ${imported.length} record(s): ${reason.message}`, reason);
  }
}

/** A cell holds a code that the codebook does not have. The value is not told. */
export class RedcapUnknownCodeError extends RedcapError {
  constructor(
    readonly record: string,
    readonly field: string,
  ) {
    super(`The field ${field} of a record holds a code that the codebook does not have.`, {
      code: 'UNKNOWN_CODE',
      errorClass: 'participant',
      remedy: 'Correct the field, or generate the codebook anew.',
    });
  }
}

/** One cell that REDCap refused to import. `message` is REDCap’s sentence with the value taken out. */
export interface RefusedCell {
  record: string;
  field: string;
  message: string;
}

/** REDCap refused an import for some of its values (redcap-api.md §1.9); nothing of it is expected to be saved. */
export class RedcapImportRefusedError extends RedcapError {
  constructor(readonly cells: RefusedCell[]) {
    super(`REDCap refused ${cells.length} value(s) of an import.`, {
      code: 'REDCAP_REFUSED',
      errorClass: 'participant',
      remedy: 'Read REDCap’s message in the worklist.',
    });
  }
}
