import { ApiError } from '../api-error';
import type { Codebook } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import { truthy } from '../logic/logic-value';
import { readLogic } from '../logic/read-logic';
import { LogicFault } from '../logic/tokenize';
import { messages } from '../messages';

/** Decides about a row by the values of its record. */
export type RowFilter = (record: StoredRecord, row: StoredRow) => boolean;

/**
 * Reads `filterLogic`; `now` is the server's wall time, `user` who asks. Throws REDCap's refusal when it cannot be read or
 * names an unknown field.
 */
export function readFilterLogic(logic: string, codebook: Codebook, asked: { now: string; user: string }): RowFilter {
  try {
    const { value } = readLogic(logic, codebook);
    return (record, row) => truthy(value({ record, row, ...asked }));
  } catch (error) {
    if (error instanceof LogicFault) throw new ApiError(400, messages.filterLogicInvalid);
    throw error;
  }
}
