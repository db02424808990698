import type { Codebook, Column } from '../codebook';
import type { StoredRecord } from '../data-store';
import type { Project } from '../project';
import { nextRecordName } from '../records/next-record-name';

/** Numbers from 0 to below 1 that are the same every time (mulberry32). */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const firstNames = ['Ana', 'Ben', 'Chloe', 'Dev', 'Elena', 'Femi', 'Grace', 'Hugo', 'Ines', 'Jamal', 'Kei', 'Lucia'];
const lastNames = ['Alvarez', 'Brooks', 'Chen', 'Diaz', 'Evans', 'Foster', 'Garcia', 'Huang', 'Ivanov', 'Jones'];
const words = ['seen', 'at', 'home', 'with', 'child', 'calm', 'new', 'brush', 'asked', 'for', 'water', 'next', 'week'];

const two = (n: number): string => String(n).padStart(2, '0');

function dated(validation: string, at: Date): string {
  const day = at.toISOString().slice(0, 10);
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  if (validation.startsWith('date_')) return day;
  return validation.startsWith('datetime_seconds') ? `${day} ${time}:${two(at.getUTCSeconds())}` : `${day} ${time}`;
}

/** A value that fits a text field: by its validation, else by what its name and label speak of. */
function textFor(column: Column, roll: () => number): string {
  const { validation, field } = column;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)]!;
  const bound = (text: string | undefined, otherwise: number): number =>
    text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : otherwise;
  const low = bound(field?.min, 0);
  const high = Math.max(low, bound(field?.max, Math.max(low + 1, 100)));
  const between = (): number => low + roll() * (high - low);
  if (/^date/.test(validation)) return dated(validation, new Date(Date.UTC(2018, 0, 1) + Math.floor(roll() * 6.3e10)));
  if (validation === 'integer') return String(Math.round(between()));
  const places = /^number_(\d)dp(_comma_decimal)?$/.exec(validation);
  if (places !== null)
    return between()
      .toFixed(Number(places[1]))
      .replace('.', places[2] === undefined ? '.' : ',');
  if (validation.startsWith('number')) {
    return between()
      .toFixed(1)
      .replace('.', validation.includes('comma') ? ',' : '.');
  }
  switch (validation) {
    case 'email':
      return `${pick(firstNames)}.${pick(lastNames)}@example.org`.toLowerCase();
    case 'phone':
      return `617-555-01${two(Math.floor(roll() * 100))}`;
    case 'zipcode':
      return `0${2100 + Math.floor(roll() * 99)}`;
    case 'time':
      return `${two(Math.floor(roll() * 24))}:${two(Math.floor(roll() * 60))}`;
    case 'time_hh_mm_ss':
      return `${two(Math.floor(roll() * 24))}:${two(Math.floor(roll() * 60))}:00`;
    case 'time_mm_ss':
      return `${two(Math.floor(roll() * 60))}:${two(Math.floor(roll() * 60))}`;
    case 'ssn':
      return `000-00-${String(Math.floor(roll() * 9000) + 1000)}`;
    case 'vmrn':
      return String(100_000 + Math.floor(roll() * 900_000));
    case 'mrn_10d':
      return String(1_000_000_000 + Math.floor(roll() * 9_000_000_000));
    case 'alpha_only':
      return pick(lastNames);
  }
  const about = `${column.name} ${field?.label ?? ''}`.toLowerCase();
  if (/first.?name/.test(about)) return pick(firstNames);
  if (/last.?name|surname/.test(about)) return pick(lastNames);
  if (/name/.test(about)) return `${pick(firstNames)} ${pick(lastNames)}`;
  if (/phone|mobile/.test(about)) return `617-555-01${two(Math.floor(roll() * 100))}`;
  return Array.from({ length: 2 + Math.floor(roll() * 4) }, () => pick(words)).join(' ');
}

function valueFor(column: Column, roll: () => number): string | undefined {
  switch (column.kind) {
    case 'id':
    case 'calc':
    case 'file':
      return undefined;
    case 'checkbox':
      return roll() < 0.3 ? '1' : undefined;
    case 'complete':
      return roll() < 0.7 ? '2' : '1';
    case 'slider':
      return String(Math.floor(roll() * 101));
    case 'text':
      return column.field?.type === 'sql' ? undefined : textFor(column, roll);
    default: {
      const codes = [...column.choices.keys()];
      return codes[Math.floor(roll() * codes.length)];
    }
  }
}

function fillForm(
  project: Project,
  record: StoredRecord,
  place: { event: Codebook['firstEvent']; form: number; instance: number },
  columns: readonly Column[],
  roll: () => number,
): void {
  const row = project.data.ensureRow(record, place.event, place.form, place.instance);
  for (const column of columns) {
    // One field in ten is left blank, as in life.
    const value = roll() < 0.1 && column.kind !== 'complete' ? undefined : valueFor(column, roll);
    if (value !== undefined) row.set(column, value);
  }
}

/**
 * Makes `count` new records that fit the project's own dictionary, every event of one arm and up to three instances of what
 * repeats; the same ones every time. Each has its line in the log.
 */
export function seedRecords(project: Project, count: number, at: string): void {
  const { codebook, design, data } = project;
  const shown = codebook.events.filter((event) => codebook.isShown(event));
  const arms = [...new Set(shown.map((event) => event.arm))];
  let next = Number(nextRecordName(project, ''));
  for (let n = 0; n < count; n += 1, next += 1) {
    const roll = dice(next * 7919 + project.id);
    const record = data.create(String(next));
    const arm = arms[Math.floor(roll() * arms.length)];
    // A group for everyone where there are groups, and now and then none.
    if (design.dags.length > 0 && roll() < 0.9) record.dag = design.dags[next % design.dags.length]!.uniqueName;
    const events = shown.filter((event) => event.arm === arm);
    // Later events are reached by fewer.
    const reached = Math.max(1, Math.ceil(events.length * roll()));
    for (const event of events.slice(0, reached)) {
      const whole = codebook.repeatsAsEvent(event) ? 1 + Math.floor(roll() * 3) : 0;
      if (event === events[0]) data.ensureRow(record, event, -1, whole === 0 ? 0 : 1);
      codebook.columnsOfForm.forEach((columns, form) => {
        if (!codebook.isDesignated(event, form)) return;
        if (codebook.repeatsAsForm(event, form)) {
          const times = Math.floor(roll() * 4);
          for (let i = 1; i <= times; i += 1) fillForm(project, record, { event, form, instance: i }, columns, roll);
        } else if (whole === 0) fillForm(project, record, { event, form: -1, instance: 0 }, columns, roll);
        else
          for (let i = 1; i <= whole; i += 1)
            fillForm(project, record, { event, form: -1, instance: i }, columns, roll);
      });
    }
    if (record.rows.length === 0 && events[0] !== undefined) data.ensureRow(record, events[0], -1, 0);
    record.touched.push(at);
    project.write(at, 'sandbox', `Create record ${record.id}`, `${design.recordIdField} = '${record.id}'`, record.id);
  }
}
