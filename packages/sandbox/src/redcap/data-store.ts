import type { Codebook, Column } from './codebook';
import type { ProjectEvent } from './model';

/** Short texts come over and over (codes, dates): each is kept once, which is less memory and fewer of its lines to fetch. */
const texts = new Map<string, string>();
const textsKept = 50_000;

function kept(text: string): string {
  if (text.length > 20) return text;
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size < textsKept) texts.set(text, text);
  return text;
}

/**
 * One stored row: a record in an event, in an instance of a repeating instrument (`form` ≥ 0) or of a repeating event
 * (`form` -1, `instance` ≥ 1), or in neither (`form` -1, `instance` 0). Cells lie per instrument, so that an event
 * with three of forty instruments costs three short arrays. The record id is not a cell: the row's existence says it.
 */
export class StoredRow {
  readonly cells: ((string | undefined)[] | undefined)[] = [];
  /** Survey columns that no field stands for: `<form>_timestamp` and the participant's identifier. */
  survey?: { identifier?: string; timestamps: Record<string, string> };

  constructor(
    readonly event: ProjectEvent,
    readonly form: number,
    readonly instance: number,
  ) {}

  get(column: Column): string | undefined {
    return this.cells[column.form]?.[column.slot];
  }

  set(column: Column, value: string | undefined): void {
    const cells = this.cells[column.form];
    if (cells !== undefined) cells[column.slot] = value === undefined ? undefined : kept(value);
    else if (value !== undefined) {
      const fresh: (string | undefined)[] = [];
      fresh[column.slot] = kept(value);
      this.cells[column.form] = fresh;
    }
  }

  /** Whether anything is stored on an instrument of this row. */
  holds(form: number): boolean {
    return this.cells[form]?.some((value) => value !== undefined) ?? false;
  }

  /** Whether any cell but the record id is stored. */
  get isEmpty(): boolean {
    return !this.cells.some((cells) => cells?.some((value) => value !== undefined));
  }
}

/** A record: its rows in export order, its group, and the server wall times (`YYYY-MM-DD HH:MM:SS`) of its log lines. */
export class StoredRecord {
  readonly rows: StoredRow[] = [];
  dag = '';
  locked = false;
  readonly touched: string[] = [];

  constructor(public id: string) {}

  row(event: ProjectEvent, form: number, instance: number): StoredRow | undefined {
    return this.rows.find((row) => row.event === event && row.form === form && row.instance === instance);
  }

  inArm(arm: number): boolean {
    return this.rows.some((row) => row.event.arm === arm);
  }
}

const digits = /^\d{1,15}$/;
const natural = new Intl.Collator('en', { numeric: true });

/** Natural order of record ids: `1, 2, 10`; `331-1, 331-2, 332-3`; words after numbers (§3.2). */
export function compareIds(a: string, b: string): number {
  if (digits.test(a) && digits.test(b)) return Number(a) - Number(b) || (a < b ? -1 : 1);
  return natural.compare(a, b) || (a < b ? -1 : 1);
}

/** The records of one project. */
export class DataStore {
  private readonly records = new Map<string, StoredRecord>();
  private ordered: readonly StoredRecord[] | null = null;

  constructor(private readonly codebook: Codebook) {}

  get size(): number {
    return this.records.size;
  }

  get(id: string): StoredRecord | undefined {
    return this.records.get(id);
  }

  /** All records in natural order. The array is never changed afterwards, so an export may walk it while others write. */
  sorted(): readonly StoredRecord[] {
    this.ordered ??= [...this.records.values()].sort((a, b) => compareIds(a.id, b.id));
    return this.ordered;
  }

  create(id: string): StoredRecord {
    const record = new StoredRecord(id);
    this.records.set(id, record);
    this.ordered = null;
    return record;
  }

  delete(id: string): void {
    if (this.records.delete(id)) this.ordered = null;
  }

  /** Gives a record another id that is free. */
  rename(record: StoredRecord, id: string): void {
    this.records.delete(record.id);
    record.id = id;
    this.records.set(id, record);
    this.ordered = null;
  }

  /** The row at a place, made where it is missing, in export order. */
  ensureRow(record: StoredRecord, event: ProjectEvent, form: number, instance: number): StoredRow {
    const existing = record.row(event, form, instance);
    if (existing !== undefined) return existing;
    const row = new StoredRow(event, form, instance);
    let at = record.rows.length;
    while (at > 0 && this.compareRows(record.rows[at - 1]!, row) > 0) at -= 1;
    record.rows.splice(at, 0, row);
    return row;
  }

  private compareRows(a: StoredRow, b: StoredRow): number {
    const order = this.codebook.eventOrder;
    return order.get(a.event)! - order.get(b.event)! || a.form - b.form || a.instance - b.instance;
  }
}
