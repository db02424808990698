import { createHash } from 'node:crypto';
import type { CellAddress } from '@studybridge/contracts';
import { parseChoices } from '@studybridge/field-mapping';
import type { EventRow, MappingRow, MetadataRow, RedcapClient, RepeatingRow } from '@studybridge/redcap-client';

/** What a design consists of, each part asked for by a call of its own. */
export type DesignPart = 'dictionary' | 'events' | 'eventMap' | 'repeats';

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/**
 * Fingerprints of the parts: of what we depend on, so that a reworded label or another spacing of choices, of which REDCap
 * has two (redcap-api.md §2.7), is no change.
 */
export const hashOf = {
  dictionary: (rows: readonly MetadataRow[]): string =>
    digest(
      rows.map((row) => [
        row.field_name,
        row.form_name,
        row.field_type,
        row.text_validation_type_or_show_slider_number,
        row.identifier,
        [...parseChoices(row).keys()],
      ]),
    ),
  events: (rows: readonly EventRow[]): string => digest(rows.map((row) => [row.unique_event_name, row.arm_num])),
  eventMap: (rows: readonly MappingRow[]): string => digest(rows.map((row) => [row.unique_event_name, row.form])),
  repeats: (rows: readonly Pick<RepeatingRow, 'event' | 'form'>[]): string =>
    digest(rows.map((row) => [row.event, row.form])),
};

/** What a project is made of right now: its dictionary, events, event map and repeats, with the questions we ask of them. */
export class LiveDesign {
  readonly hash: string;
  readonly parts: Readonly<Record<DesignPart, string>>;
  private readonly fields: Map<string, MetadataRow>;
  private readonly forms: Set<string>;
  private readonly arms: Map<string, number>;
  private readonly designated: Map<string, string[]>;
  private readonly repeats: Set<string>;
  private readonly choices = new Map<string, ReturnType<typeof parseChoices>>();

  constructor(
    readonly dictionary: readonly MetadataRow[],
    readonly events: readonly EventRow[],
    readonly mapping: readonly MappingRow[],
    repeating: readonly Pick<RepeatingRow, 'event' | 'form'>[],
  ) {
    this.parts = {
      dictionary: hashOf.dictionary(dictionary),
      events: hashOf.events(events),
      eventMap: hashOf.eventMap(mapping),
      repeats: hashOf.repeats(repeating),
    };
    this.hash = digest(this.parts);
    this.fields = new Map(dictionary.map((field) => [field.field_name, field]));
    this.forms = new Set(dictionary.map((field) => field.form_name));
    this.arms = new Map(events.map((event) => [event.unique_event_name, event.arm_num]));
    this.designated = new Map();
    for (const row of mapping) {
      const forms = this.designated.get(row.unique_event_name) ?? [];
      forms.push(row.form);
      this.designated.set(row.unique_event_name, forms);
    }
    // A project without events: one nameless event that every instrument lives in.
    if (events.length === 0) this.designated.set('', [...this.forms]);
    this.repeats = new Set(repeating.map((row) => `${row.event}/${row.form}`));
  }

  get recordIdField(): string {
    return this.dictionary[0]?.field_name ?? '';
  }

  hasEvent(event: string): boolean {
    return this.designated.has(event) || this.arms.has(event);
  }

  /** The arm that an event belongs to; 1 in a project without arms. */
  armOfEvent(event: string): number {
    return this.arms.get(event) ?? 1;
  }

  field(name: string): MetadataRow | undefined {
    return this.fields.get(name);
  }

  hasForm(form: string): boolean {
    return this.forms.has(form);
  }

  eventsOf(instrument: string): string[] {
    return [...this.designated].filter(([, forms]) => forms.includes(instrument)).map(([event]) => event);
  }

  instrumentsOf(event: string): readonly string[] {
    return this.designated.get(event) ?? [];
  }

  /** Whether an instrument has numbered instances in an event, by itself or because the whole event repeats. */
  hasInstances(event: string, instrument: string): boolean {
    return this.repeatsByItself(event, instrument) || this.repeats.has(`${event}/`);
  }

  /** Whether the instrument itself, not the event, repeats. */
  repeatsByItself(event: string, instrument: string): boolean {
    return this.repeats.has(`${event}/${instrument}`);
  }

  /** The instrument of a field, a checkbox option (`field___code`) or a form status field; null when there is none. */
  instrumentOfColumn(column: string): string | null {
    const field = this.fields.get(baseField(column));
    if (field) return field.form_name;
    const form = column.endsWith('_complete') ? column.slice(0, -'_complete'.length) : '';
    return this.forms.has(form) ? form : null;
  }

  private choicesOf(field: MetadataRow): ReturnType<typeof parseChoices> {
    let choices = this.choices.get(field.field_name);
    if (choices === undefined) this.choices.set(field.field_name, (choices = parseChoices(field)));
    return choices;
  }

  /** Whether the dictionary accepts a raw value in a cell (redcap-api.md §4.1). A blank always clears. */
  accepts(address: Pick<CellAddress, 'field'>, value: string): boolean {
    if (value === '') return true;
    const field = this.fields.get(baseField(address.field));
    if (!field) return ['0', '1', '2'].includes(value);
    switch (field.field_type) {
      case 'radio':
      case 'dropdown':
      case 'yesno':
      case 'truefalse':
        return this.choicesOf(field).has(value);
      case 'checkbox': {
        const code = address.field.slice(field.field_name.length + '___'.length);
        const codes = [...this.choicesOf(field).keys()].map((known) => known.toLowerCase().replace(/[^a-z0-9]/g, '_'));
        return ['0', '1'].includes(value) && codes.includes(code);
      }
      case 'slider':
        return /^\d+$/.test(value);
      case 'text':
        return acceptsText(field.text_validation_type_or_show_slider_number, value);
      case 'notes':
        return true;
      default:
        // calc, file, descriptive, sql: not for us to fill in
        return false;
    }
  }
}

/** Reads the design. Five calls. */
export async function readLiveDesign(client: RedcapClient): Promise<LiveDesign> {
  const dictionary = await client.metadata();
  const events = await client.events();
  const mapping = await client.formEventMapping();
  const repeating = await client.repeatingFormsEvents();
  return new LiveDesign(dictionary, events, mapping, repeating);
}

/** The dictionary's name of a column: a checkbox option belongs to its field. */
export function baseField(column: string): string {
  const at = column.indexOf('___');
  return at > 0 ? column.slice(0, at) : column;
}

const date = String.raw`\d{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])`;
const time = String.raw`([01]?\d|2[0-3]):[0-5]\d`;
const dates = {
  seconds: new RegExp(String.raw`^${date} ${time}:[0-5]\d$`),
  minutes: new RegExp(`^${date} ${time}$`),
  day: new RegExp(`^${date}$`),
};
const validations: Record<string, RegExp> = {
  time: new RegExp(`^${time}$`),
  time_hh_mm_ss: new RegExp(String.raw`^${time}:[0-5]\d$`),
  time_mm_ss: /^[0-5]\d:[0-5]\d$/,
  integer: /^[-+]?\d+$/,
  number: /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/,
  number_1dp: /^-?\d+\.\d$/,
  number_2dp: /^-?\d+\.\d{2}$/,
  number_3dp: /^-?\d+\.\d{3}$/,
  number_4dp: /^-?\d+\.\d{4}$/,
  email: /^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/,
  zipcode: /^\d{5}(-\d{4})?$/,
  alpha_only: /^[A-Za-z]+$/,
};

function acceptsText(validation: string, value: string): boolean {
  if (validation.startsWith('datetime_seconds_')) return dates.seconds.test(value);
  if (validation.startsWith('datetime_')) return dates.minutes.test(value);
  if (validation.startsWith('date_')) return dates.day.test(value);
  if (validation === 'phone') return /^1?[2-9]\d{9}$/.test(value.replace(/\D/g, ''));
  return validations[validation]?.test(value) ?? true;
}
