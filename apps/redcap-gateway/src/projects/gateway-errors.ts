import { StudybridgeError } from '@studybridge/contracts';

/** The token opens another project than the binding expects or than it opened before (law 3). */
export class WrongProjectError extends StudybridgeError {
  constructor(binding: string, what: string) {
    super(`The token of ${binding} opens another project than expected: ${what}.`, {
      code: 'WRONG_PROJECT',
      errorClass: 'setting',
      remedy: 'Correct the token or the binding.',
    });
  }
}

/** The live project cannot be read as this study at all. */
export class DoesNotFitError extends StudybridgeError {
  constructor(binding: string, what: string) {
    super(`The project of ${binding} no longer fits the study: ${what}.`, {
      code: 'DRIFT',
      errorClass: 'setting',
      remedy: 'Update the study folder or restore the dictionary.',
    });
  }
}

/** REDCap gave fewer rows than it had said there are, also when asked again (law 4). */
export class IncompleteAnswerError extends StudybridgeError {
  constructor(missing: number) {
    super(`REDCap left out ${missing} row(s) that it had announced, also when asked again.`, {
      code: 'REDCAP_INCOMPLETE',
      errorClass: 'dependency',
      remedy: 'Wait; it is read again. If it lasts, compare an export by hand.',
    });
  }
}

/** The study of a binding, or a project role in it, is unknown here. */
export class UnknownStudyError extends StudybridgeError {
  constructor(binding: string, what: string) {
    super(`The binding ${binding} names ${what}, which is unknown here.`, {
      code: 'UNKNOWN_STUDY',
      errorClass: 'setting',
      remedy: 'Correct the binding, or add the study folder.',
    });
  }
}
