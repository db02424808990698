import { MappingError, type Conversion } from '@studybridge/field-mapping';
import { parsePhoneNumberFromString } from 'libphonenumber-js';

/** `+16175550123` for any usual way to write a US number; null for anything else, other countries included. */
export function usPhone(text: string): string | null {
  const phone = parsePhoneNumberFromString(text, 'US');
  return phone?.country === 'US' && phone.isValid() && phone.ext === undefined ? phone.number : null;
}

/** The E.164 number that a field holds, null when it is blank. Throws a MappingError (PHONE_INVALID). */
export function usMobile(text: string, field: string): string | null {
  if (text.trim() === '') return null;
  const mobile = usPhone(text);
  if (mobile === null) throw notANumber(field);
  return mobile;
}

function notANumber(field: string): MappingError {
  return new MappingError(`The field ${field} is not a valid US number.`, 'Correct the number.', 'PHONE_INVALID');
}

/** REDCap's free way of writing a number ↔ E.164; the way back is `(617) 555-0123`. */
export const usPhoneConversion: Conversion<string> = {
  example: '(617) 555-0123',
  decode(text, where) {
    const phone = usPhone(text);
    if (phone === null) throw notANumber(where.field);
    return phone;
  },
  encode(mobile, where) {
    const phone = parsePhoneNumberFromString(mobile);
    if (phone?.country !== 'US' || !phone.isValid()) {
      throw new MappingError(`What came for ${where.field} is not a US number.`, 'Ask the partner.', 'PHONE_INVALID');
    }
    return phone.formatNational();
  },
};
