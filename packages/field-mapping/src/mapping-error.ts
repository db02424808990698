import { StudybridgeError, type ReasonCode } from '@studybridge/contracts';

/**
 * A value of one participant that a mapping cannot translate. Concerns that participant alone, never becomes a default, and
 * names the field, not the value.
 */
export class MappingError extends StudybridgeError {
  constructor(message: string, remedy: string, code: ReasonCode = 'UNKNOWN_CODE') {
    super(message, { code, errorClass: 'participant', remedy });
  }
}
