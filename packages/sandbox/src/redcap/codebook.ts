import type { Design, Field, Form, ProjectEvent } from './model';

/** How a column's values are checked and turned into labels. */
type ColumnKind =
  'id' | 'text' | 'choice' | 'yesno' | 'truefalse' | 'checkbox' | 'complete' | 'calc' | 'slider' | 'file';

/** One exportable column: a field, one option of a checkbox, or the status of an instrument. */
export interface Column {
  /** The export name: `race___2`, `demographics_complete`. */
  name: string;
  /** The name a client asks for: `race`. */
  fieldName: string;
  kind: ColumnKind;
  /** The dictionary's field; null for `<form>_complete`. */
  field: Field | null;
  /** Raw code of a checkbox option. */
  code: string;
  /** Index of the instrument, and the column's place within it. */
  form: number;
  slot: number;
  /** Code to label, for whatever has choices; for a checkbox option its own code only. */
  choices: ReadonlyMap<string, string>;
  validation: string;
}

/** The export name of a checkbox option: code in lower case, everything but letters and digits as `_` (§3.5). */
export function checkboxColumn(field: string, code: string): string {
  return `${field}___${code.toLowerCase().replace(/[^a-z0-9]/g, '_')}`;
}

/** `1, Yes | 2, No` as code → label. A choice without a comma is its own code (redcapAPI #145). */
function parseChoices(text: string): Map<string, string> {
  const choices = new Map<string, string>();
  for (const part of text.split(/\||\n/)) {
    const choice = part.trim();
    if (choice === '') continue;
    const comma = choice.indexOf(',');
    if (comma < 0) choices.set(choice, choice);
    else choices.set(choice.slice(0, comma).trim(), choice.slice(comma + 1).trim());
  }
  return choices;
}

const yesNo = new Map([
  ['1', 'Yes'],
  ['0', 'No'],
]);
const trueFalse = new Map([
  ['1', 'True'],
  ['0', 'False'],
]);
const status = new Map([
  ['0', 'Incomplete'],
  ['1', 'Unverified'],
  ['2', 'Complete'],
]);
const noChoices: ReadonlyMap<string, string> = new Map();

/** What a project without any event puts its data into: the first event of a project that never had another. */
const impliedEvent = (): ProjectEvent => ({
  id: 0,
  uniqueName: 'event_1_arm_1',
  name: 'Event 1',
  arm: 1,
  dayOffset: 0,
  offsetMin: 0,
  offsetMax: 0,
  customLabel: '',
});

/** Everything that can be derived from a project's design, looked up fast. */
export class Codebook {
  readonly columns: Column[] = [];
  readonly columnsOfForm: Column[][] = [];
  readonly columnByName = new Map<string, Column>();
  /** Base names a client may ask for, with their columns (none for a descriptive field). */
  readonly columnsByField = new Map<string, Column[]>();
  readonly formIndex = new Map<string, number>();
  readonly eventByName = new Map<string, ProjectEvent>();
  readonly eventOrder = new Map<ProjectEvent, number>();
  readonly missingCodes: ReadonlyMap<string, string>;
  /** Longitudinal in REDCap's sense: switched on, and more than one event (§1.8, §2.17). */
  readonly longitudinal: boolean;
  readonly hasRepeating: boolean;
  /** Where data may lie: the events, and where there is none the one that is implied. */
  readonly events: readonly ProjectEvent[];
  private readonly designated: Set<string>;
  private readonly repeating: Set<string>;

  constructor(readonly design: Design) {
    this.longitudinal = design.longitudinal && design.events.length > 1;
    this.events = design.events.length > 0 ? design.events : [impliedEvent()];
    this.hasRepeating = design.repeating.some(
      (entry) => this.longitudinal || entry.event === this.firstEvent.uniqueName,
    );
    this.missingCodes = parseChoices(design.settings.missingDataCodes);
    design.forms.forEach((form, index) => this.formIndex.set(form.name, index));
    this.events.forEach((event, index) => {
      this.eventByName.set(event.uniqueName, event);
      this.eventOrder.set(event, index);
    });
    this.designated = new Set(design.mapping.map((entry) => `${entry.event}\n${entry.form}`));
    this.repeating = new Set(design.repeating.map((entry) => `${entry.event}\n${entry.form}`));
    const byForm = new Map<string, Field[]>();
    for (const field of design.fields) {
      const fields = byForm.get(field.form);
      if (fields === undefined) byForm.set(field.form, [field]);
      else fields.push(field);
    }
    design.forms.forEach((form, index) => this.addForm(form, index, byForm.get(form.name) ?? []));
  }

  /** The record id's column: the first field of the project. */
  get idColumn(): Column {
    return this.columnByName.get(this.design.recordIdField)!;
  }

  /** The event a row belongs to that names none: the project's first. */
  get firstEvent(): ProjectEvent {
    return this.events[0]!;
  }

  form(index: number): Form {
    return this.design.forms[index]!;
  }

  /** Whether an event is to be seen: a classic project shows its first one, whatever others it was given. */
  isShown(event: ProjectEvent): boolean {
    return this.longitudinal || event === this.firstEvent;
  }

  isDesignated(event: ProjectEvent, form: number): boolean {
    if (!this.longitudinal) return event === this.firstEvent;
    return this.designated.has(`${event.uniqueName}\n${this.form(form).name}`);
  }

  repeatsAsForm(event: ProjectEvent, form: number): boolean {
    return this.repeating.has(`${event.uniqueName}\n${this.form(form).name}`);
  }

  repeatsAsEvent(event: ProjectEvent): boolean {
    return this.repeating.has(`${event.uniqueName}\n`);
  }

  /** `Visit 1 (Arm 2: Drug B)` with several arms, plain `Visit 1` with one: how messages and labels name an event. */
  eventTitle(event: ProjectEvent): string {
    // An arm that owns no event counts for nothing (§2.10).
    if (new Set(this.events.map((known) => known.arm)).size < 2) return event.name;
    const arm = this.design.arms.find((candidate) => candidate.number === event.arm);
    return `${event.name} (Arm ${event.arm}: ${arm?.name ?? `Arm ${event.arm}`})`;
  }

  private addForm(form: Form, index: number, fields: Field[]): void {
    this.columnsOfForm.push([]);
    for (const field of fields) this.addField(field, index);
    this.addColumn(`${form.name}_complete`, `${form.name}_complete`, 'complete', null, '', index, status, '');
  }

  private addField(field: Field, form: number): void {
    if (field.type === 'descriptive') {
      this.columnsByField.set(field.name, []);
      return;
    }
    const add = (kind: ColumnKind, choices: ReadonlyMap<string, string> = noChoices): void =>
      this.addColumn(field.name, field.name, kind, field, '', form, choices, field.validation);
    if (field.name === this.design.recordIdField) return add('id');
    switch (field.type) {
      case 'checkbox':
        for (const [code, label] of parseChoices(field.choices)) {
          const one = new Map([[code, label]]);
          this.addColumn(checkboxColumn(field.name, code), field.name, 'checkbox', field, code, form, one, '');
        }
        if (!this.columnsByField.has(field.name)) this.columnsByField.set(field.name, []);
        return;
      case 'radio':
      case 'dropdown':
        return add('choice', parseChoices(field.choices));
      case 'yesno':
        return add('yesno', yesNo);
      case 'truefalse':
        return add('truefalse', trueFalse);
      case 'calc':
        return add('calc');
      case 'slider':
        return add('slider');
      case 'file':
        return add('file');
      default:
        return add('text');
    }
  }

  private addColumn(
    name: string,
    fieldName: string,
    kind: ColumnKind,
    field: Field | null,
    code: string,
    form: number,
    choices: ReadonlyMap<string, string>,
    validation: string,
  ): void {
    const siblings = this.columnsOfForm[form]!;
    const column: Column = { name, fieldName, kind, field, code, form, slot: siblings.length, choices, validation };
    siblings.push(column);
    this.columns.push(column);
    this.columnByName.set(name, column);
    const ofField = this.columnsByField.get(fieldName);
    if (ofField === undefined) this.columnsByField.set(fieldName, [column]);
    else ofField.push(column);
  }
}
