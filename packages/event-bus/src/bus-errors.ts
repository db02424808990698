import { StudybridgeError } from '@studybridge/contracts';

/** A message that no carrier will ever accept: its key waits for a person, other keys go on. */
export class MessageRefusedError extends StudybridgeError {
  constructor(why: string, cause?: unknown) {
    super(`A message cannot be published: ${why}.`, {
      code: 'MESSAGE_REFUSED',
      errorClass: 'participant',
      remedy: 'Correct what produced it; then release the key with `ops bus.release`.',
      cause,
    });
  }
}

/** The carrier is away; what waits is published when it is back. */
export class CarrierUnavailableError extends StudybridgeError {
  constructor(why: string, cause?: unknown) {
    super(`The message carrier cannot be used: ${why}.`, {
      code: 'CARRIER_UNAVAILABLE',
      errorClass: 'dependency',
      remedy: 'Check that Kafka is up and reachable; it heals by itself.',
      cause,
    });
  }
}

/** The carrier is there and not set up as we need it. */
export class CarrierSettingError extends StudybridgeError {
  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, { code: 'CARRIER_SETTING', errorClass: 'setting', remedy, cause });
  }
}

/** Nobody knows yet whether this database is the newest, so nothing may be decided from it. */
export class DatabaseUncheckedError extends StudybridgeError {
  constructor() {
    super('It is not known yet whether the database was put back to an earlier copy.', {
      code: 'DATABASE_UNCHECKED',
      errorClass: 'dependency',
      remedy: 'Nothing to do; it is found out as soon as the message carrier can be asked.',
      retryAfterSeconds: 1,
    });
  }
}
