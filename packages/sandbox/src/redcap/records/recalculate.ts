import type { Codebook, Column } from '../codebook';
import type { StoredRow } from '../data-store';
import { toText, type LogicValue } from '../logic/logic-value';
import { readLogic, type Logic } from '../logic/read-logic';
import { LogicFault } from '../logic/tokenize';
import type { Project } from '../project';
import { putValue, type RecordChange } from './changes';

interface Calculation extends Logic {
  column: Column;
}

const read = new WeakMap<Codebook, readonly Calculation[]>();

/** A project's calculations; one that cannot be read is left out, and its values stay what they are. */
function calculationsOf(codebook: Codebook): readonly Calculation[] {
  const known = read.get(codebook);
  if (known !== undefined) return known;
  const found = codebook.columns.flatMap((column): Calculation[] => {
    if (column.kind !== 'calc') return [];
    try {
      return [{ ...readLogic(column.field!.choices, codebook), column }];
    } catch (error) {
      if (error instanceof LogicFault) return [];
      throw error;
    }
  });
  read.set(codebook, found);
  return found;
}

/** A calculated field holds a number or nothing. */
function asStored(value: LogicValue): string {
  const text = typeof value === 'number' ? String(Number(value.toPrecision(14))) : toText(value);
  return /^-?\d*\.?\d+$/.test(text) ? text : '';
}

function applies(codebook: Codebook, row: StoredRow, form: number): boolean {
  if (!codebook.isDesignated(row.event, form)) return false;
  return row.form === (codebook.repeatsAsForm(row.event, form) ? form : -1);
}

/**
 * Reckons anew what is calculated from the fields that `cause` changed, and from what changes with that; in all rows of the
 * record that there are (§3.3: only what is saved is recalculated). `whole` reckons everything. What changed is noted in the change that
 * comes back.
 */
export function recalculate(
  project: Project,
  cause: Pick<RecordChange, 'record' | 'fields'>,
  at: { now: string; user: string },
  whole = false,
): RecordChange {
  const { codebook } = project;
  const { record } = cause;
  const change: RecordChange = { record, created: false, details: [], fields: new Set() };
  const calculations = calculationsOf(codebook);
  let changed: ReadonlySet<string> = cause.fields;
  // Each round carries a change one calculation further: a circle comes to its end.
  for (let round = 0; round <= calculations.length; round += 1) {
    const due = calculations.filter(
      ({ fields }) => (whole && round === 0) || [...fields].some((field) => changed.has(field)),
    );
    if (due.length === 0) break;
    const next: RecordChange = { ...change, fields: new Set() };
    for (const { column, value } of due) {
      for (const row of record.rows) {
        if (applies(codebook, row, column.form)) {
          putValue(next, row, column, asStored(value({ record, row, ...at })));
        }
      }
    }
    changed = next.fields;
  }
  return change;
}
