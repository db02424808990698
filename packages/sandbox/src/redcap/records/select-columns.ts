import { createHash } from 'node:crypto';
import { ApiError } from '../api-error';
import type { Codebook, Column } from '../codebook';
import type { StoredRecord } from '../data-store';
import { messages } from '../messages';
import type { User } from '../model';
import type { Project } from '../project';

/** Refuses a user who may export no instrument at all. */
function needSomeRight(codebook: Codebook, user: User): void {
  const rights = codebook.design.forms.map((form) => user.rights.forms_export[form.name] ?? 1);
  if (rights.length > 0 && rights.every((right) => right === 0)) throw new ApiError(403, messages.noApiRights);
}

/** Whether a user's export rights leave a column out (`forms_export`: 0 none, 2 de-identified, 3 no identifiers). */
function mayExport(codebook: Codebook, column: Column, user: User): boolean {
  if (column.kind === 'id') return true;
  const right = user.rights.forms_export[codebook.form(column.form).name] ?? 1;
  if (right === 0) return false;
  if (right === 1) return true;
  if (column.field?.identifier === true) return false;
  if (right === 3) return true;
  const free = column.kind === 'text' && column.validation === '' && column.field?.type !== 'sql';
  return !free && !/^date/.test(column.validation);
}

/**
 * How a user is told a record: by its id, or, where the id identifies people and the user's exports are without identifiers, by 32
 * hex digits that are the same every time (§3.3).
 */
export function recordTeller({ id, codebook }: Project, user: User): (record: StoredRecord) => string {
  const { idColumn } = codebook;
  const right = user.rights.forms_export[codebook.form(idColumn.form).name] ?? 1;
  if (right < 2 || idColumn.field?.identifier !== true) return (record) => record.id;
  return (record) => createHash('md5').update(`${id}\n${record.id}`).digest('hex');
}

/**
 * The data columns of an export, in dictionary order: the union of `fields` and of all columns of `forms`; everything
 * when neither is given (§3.1). Throws REDCap's refusal for names that do not exist or that the user may not export.
 */
export function selectColumns(
  codebook: Codebook,
  fields: readonly string[] | null,
  forms: readonly string[] | null,
  user: User,
): Column[] {
  needSomeRight(codebook, user);
  const hidden = (name: string): boolean => {
    const columns = codebook.columnsByField.get(name);
    return (
      columns?.some(
        (column) => (user.rights.forms_export[codebook.form(column.form).name] ?? 1) === 0 && column.kind !== 'id',
      ) ?? true
    );
  };
  const badFields = (fields ?? []).filter((name) => !codebook.columnsByField.has(name) || hidden(name));
  if (badFields.length > 0) throw new ApiError(400, messages.valuesNotValid('fields', [...new Set(badFields)]));
  const badForms = (forms ?? []).filter((name) => !codebook.formIndex.has(name));
  if (badForms.length > 0) throw new ApiError(400, messages.valuesNotValid('forms', [...new Set(badForms)]));
  if (fields === null && forms === null) return codebook.columns.filter((column) => mayExport(codebook, column, user));
  const wantedFields = new Set(fields ?? []);
  const wantedForms = new Set((forms ?? []).map((name) => codebook.formIndex.get(name)));
  return codebook.columns.filter(
    (column) =>
      (wantedFields.has(column.fieldName) || wantedForms.has(column.form)) && mayExport(codebook, column, user),
  );
}
