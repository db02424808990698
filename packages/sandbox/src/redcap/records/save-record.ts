import type { Project } from '../project';
import { logChange, putValue, type RecordChange } from './changes';
import { recalculate } from './recalculate';
import { checkValue } from './validate-value';

/** One save of a form in the browser: export names and raw values; blank clears. */
export interface StaffSave {
  record: string;
  /** Unique event name; the project's first event when empty. */
  event?: string;
  /** The form that was open; its status becomes 0 on the first save. Needed where it repeats. */
  instrument?: string;
  /** Of a repeating instrument or event; 1 when not given. */
  instance?: number;
  values: Record<string, string>;
  user: string;
}

/** Staff did what the browser would not have let them do: a mistake in whoever scripted it. */
export class StaffActionError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'StaffActionError';
  }
}

/**
 * Saves what a person entered, creating the record if need be, and writes the browser's line of the log: `Create record 1`
 * or `Update record 1` with what changed. Answers whether anything did. Throws `StaffActionError` when a name does
 * not exist or a value could not have been entered.
 */
export function saveRecord(project: Project, save: StaffSave, at: string): boolean {
  const { codebook, data, design } = project;
  const event =
    save.event === undefined || save.event === '' ? codebook.firstEvent : codebook.eventByName.get(save.event);
  if (event === undefined) throw new StaffActionError(`The project has no event ${save.event}.`);
  const opened = save.instrument === undefined ? undefined : codebook.formIndex.get(save.instrument);
  if (save.instrument !== undefined && opened === undefined) {
    throw new StaffActionError(`The project has no instrument ${save.instrument}.`);
  }
  const values = Object.entries(save.values).flatMap(([name, text]) => {
    const column = codebook.columnByName.get(name);
    if (column === undefined) throw new StaffActionError(`The project has no field ${name}.`);
    if (column.kind === 'id') return [];
    if (!codebook.isDesignated(event, column.form)) {
      throw new StaffActionError(`The field ${name} is on no instrument of the event ${event.uniqueName}.`);
    }
    if (text === '') return [{ column, value: '' }];
    const checked = checkValue(codebook, column, text, 'YMD');
    if ('message' in checked) throw new StaffActionError(`The field ${name} cannot take the value scripted for it.`);
    return [{ column, value: checked.value }];
  });
  const forms = new Set(values.map(({ column }) => column.form));
  if (opened !== undefined) forms.add(opened);
  const repeating = [...forms].filter((form) => codebook.repeatsAsForm(event, form));
  if (repeating.length > 0 && forms.size > 1) {
    throw new StaffActionError('A save holds fields of a repeating instrument and of another one.');
  }
  const form = repeating[0] ?? -1;
  const instance = form >= 0 || codebook.repeatsAsEvent(event) ? (save.instance ?? 1) : 0;

  const known = data.get(save.record);
  if (known?.locked === true) throw new StaffActionError('The record is locked.');
  const record = known ?? data.create(save.record);
  const change: RecordChange = { record, created: known === undefined, details: [], fields: new Set() };
  const idDetail = `${design.recordIdField} = '${save.record}'`;
  if (record.row(event, form, instance) === undefined) change.details.push(idDetail);
  const row = data.ensureRow(record, event, form, instance);
  for (const { column, value } of values) putValue(change, row, column, value);
  if (opened !== undefined) {
    const status = codebook.columnByName.get(`${codebook.form(opened).name}_complete`)!;
    if (row.get(status) === undefined && codebook.isDesignated(event, opened)) putValue(change, row, status, '0');
  }
  // What the open form calculates is saved with it.
  change.details.push(...recalculate(project, change, { now: at, user: save.user }).details);
  return logChange(project, change, at, save.user, '');
}
