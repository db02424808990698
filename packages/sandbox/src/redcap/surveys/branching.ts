import { StoredRecord, StoredRow } from '../data-store';
import { truthy } from '../logic/logic-value';
import { readLogic } from '../logic/read-logic';
import { LogicFault } from '../logic/tokenize';
import type { Project, SurveyPlace } from '../project';
import { respondent } from './answer-survey';

/** What a participant has entered so far: export names and raw values. */
export type Entered = Readonly<Record<string, string>>;

/**
 * The fields of a survey that branching logic hides, given what is stored and what was entered. What a hidden field holds counts
 * for nothing; logic that cannot be read hides nothing.
 */
export function hiddenFields(project: Project, place: SurveyPlace, entered: Entered, now: string): Set<string> {
  const { codebook, data, design } = project;
  const form = codebook.formIndex.get(place.form)!;
  const event = codebook.eventByName.get(place.event)!;
  const record = data.get(place.record) ?? new StoredRecord(place.record);
  const repeating = codebook.repeatsAsForm(event, form) ? form : -1;
  const row = new StoredRow(event, repeating, place.instance);
  record.row(event, repeating, place.instance)?.cells.forEach((cells, at) => (row.cells[at] = cells && [...cells]));
  for (const [name, value] of Object.entries(entered)) {
    const column = codebook.columnByName.get(name);
    if (column !== undefined) row.set(column, value === '' ? undefined : value);
  }
  const hidden = new Set<string>();
  for (const field of design.fields) {
    if (field.form !== place.form || field.branchingLogic === '') continue;
    if (shows(field.branchingLogic)) continue;
    hidden.add(field.name);
    for (const column of codebook.columnsByField.get(field.name) ?? []) row.set(column, undefined);
  }
  return hidden;

  function shows(logic: string): boolean {
    try {
      return truthy(readLogic(logic, codebook).value({ record, row, now, user: respondent }));
    } catch (error) {
      if (error instanceof LogicFault) return true;
      throw error;
    }
  }
}
