import { checkboxColumn, type Codebook, type Column } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import type { ProjectEvent } from '../model';
import { LogicFault } from './tokenize';

/** Where an expression is looked at: a row of a record, at a wall time of the server, for a user. */
export interface Place {
  record: StoredRecord;
  row: StoredRow;
  now: string;
  user: string;
}

type Read = (place: Place) => string;

const smart: Record<string, (codebook: Codebook) => Read> = {
  'record-name': () => (place) => place.record.id,
  'record-dag-name': () => (place) => place.record.dag,
  'record-dag-id': (codebook) => (place) => String(groupOf(codebook, place)?.id ?? ''),
  'record-dag-label': (codebook) => (place) => groupOf(codebook, place)?.name ?? '',
  'event-name': () => (place) => place.row.event.uniqueName,
  'event-label': () => (place) => place.row.event.name,
  'event-id': () => (place) => String(place.row.event.id),
  'arm-number': () => (place) => String(place.row.event.arm),
  'arm-label': (codebook) => (place) =>
    codebook.design.arms.find((arm) => arm.number === place.row.event.arm)?.name ?? '',
  'current-instance': () => (place) => (place.row.instance === 0 ? '' : String(place.row.instance)),
  'user-name': () => (place) => place.user,
};

const groupOf = ({ design }: Codebook, { record }: Place) => design.dags.find((dag) => dag.uniqueName === record.dag);

const relativeEvents = ['event-name', 'previous-event-name', 'next-event-name', 'first-event-name', 'last-event-name'];
const relativeInstances = [
  'current-instance',
  'previous-instance',
  'next-instance',
  'first-instance',
  'last-instance',
] as const;

/** The event a reference means, seen from a row: events of the row's arm that have the instrument, in their order. */
function eventMeant(codebook: Codebook, name: string, row: StoredRow, form: number): ProjectEvent | undefined {
  if (name === 'event-name') return row.event;
  if (!relativeEvents.includes(name)) return codebook.eventByName.get(name);
  const events = codebook.events.filter((event) => event.arm === row.event.arm && codebook.isDesignated(event, form));
  if (name === 'first-event-name') return events[0];
  if (name === 'last-event-name') return events[events.length - 1];
  const order = (event: ProjectEvent): number => codebook.eventOrder.get(event)!;
  const here = order(row.event);
  return name === 'next-event-name'
    ? events.find((event) => order(event) > here)
    : [...events].reverse().find((event) => order(event) < here);
}

function instanceMeant(word: string, rows: readonly StoredRow[], row: StoredRow): number {
  if (/^\d+$/.test(word)) return Number(word);
  const here = row.instance;
  const all = rows.map((other) => other.instance);
  switch (word) {
    case 'previous-instance':
      return here - 1;
    case 'next-instance':
      return here + 1;
    case 'first-instance':
      return Math.min(...all);
    case 'last-instance':
      return Math.max(...all);
    default:
      return here;
  }
}

/** A value by logic's rules: of the row itself, else of the record's unrepeated row in the event. */
function valueAt(codebook: Codebook, { record, row }: Place, column: Column, event: string, instance: string): string {
  const blank = column.kind === 'checkbox' ? '0' : '';
  const meant = event === '' ? row.event : eventMeant(codebook, event, row, column.form);
  if (meant === undefined) return blank;
  const repeats = codebook.repeatsAsForm(meant, column.form);
  const there = record.rows.filter((other) => other.event === meant && other.form === (repeats ? column.form : -1));
  if (instance !== '') {
    const number = instanceMeant(instance, there, row);
    return there.find((other) => other.instance === number)?.get(column) ?? blank;
  }
  // The row itself, which may be one that nobody has stored yet.
  if (meant === row.event && row.form === (repeats ? column.form : -1)) return row.get(column) ?? blank;
  // What an instance holds is not the record's.
  if (repeats) return blank;
  return there.find((other) => other.get(column) !== undefined)?.get(column) ?? blank;
}

/** What follows one another in brackets, taken from the tokens one by one. */
export interface Brackets {
  /** The text in the next pair of brackets, without taking it; undefined where something else follows. */
  peek(): string | undefined;
  take(): void;
}

/**
 * `[field]`, `[field(code)]`, `[event][field]`, `[field][instance]`, or a smart variable, after its first bracket was taken.
 * Names of fields are added to `fields`. Throws `LogicFault` for one that the project does not have.
 */
export function readReference(codebook: Codebook, first: string, brackets: Brackets, fields: Set<string>): Read {
  let name = first;
  let event = '';
  if (brackets.peek() !== undefined && (codebook.eventByName.has(first) || relativeEvents.includes(first))) {
    event = first;
    name = brackets.peek()!;
    brackets.take();
  }
  if (event === '' && Object.hasOwn(smart, name)) return smart[name]!(codebook);
  const match = /^([a-z][a-z0-9_]*)(?:\(([^)]*)\))?(?::(value|label|checked|unchecked))?$/.exec(name);
  if (match === null) throw new LogicFault();
  const [, field = '', code, form] = match;
  const column = codebook.columnByName.get(code === undefined ? field : checkboxColumn(field, code));
  if (column === undefined) throw new LogicFault();
  fields.add(column.fieldName);
  const next = brackets.peek();
  let instance = '';
  if (next !== undefined && (/^\d+$/.test(next) || (relativeInstances as readonly string[]).includes(next))) {
    instance = next;
    brackets.take();
  }
  if (column.kind === 'id') return ({ record }) => record.id;
  if (form !== 'label') return (place) => valueAt(codebook, place, column, event, instance);
  return (place) => {
    const value = valueAt(codebook, place, column, event, instance);
    return column.choices.get(value) ?? value;
  };
}
