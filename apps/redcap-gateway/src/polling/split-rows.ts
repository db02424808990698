import type { Row } from '@studybridge/contracts';
import type { FlatRow } from '@studybridge/redcap-client';
import type { LiveDesign } from '../projects/live-design';

/** Where a flat row of an export stands: the base row of an event has neither instrument nor instance. */
export function flatRowKey(row: FlatRow): string {
  const event = row.redcap_event_name ?? '';
  const instance = row.redcap_repeat_instance ?? '';
  return instance === '' ? event : `${event}/${row.redcap_repeat_instrument ?? ''}/${instance}`;
}

/** The key of the flat row in which a row of ours comes. */
export function flatRowKeyOf(design: LiveDesign, row: { event: string; instrument: string; instance: number }): string {
  if (row.instance === 0) return row.event;
  return `${row.event}/${design.repeatsByItself(row.event, row.instrument) ? row.instrument : ''}/${row.instance}`;
}

/**
 * Cuts a flat row of an export into rows by instrument, with the values that are not blank. Values stand only where they
 * apply (redcap-api.md §3.3): the base row holds what does not repeat, a repeat row its own instrument.
 */
export function splitRow(design: LiveDesign, recordIdField: string, flat: FlatRow): Row[] {
  const event = flat.redcap_event_name ?? '';
  const instanceText = flat.redcap_repeat_instance ?? '';
  const repeating = flat.redcap_repeat_instrument ?? '';
  const instance = instanceText === '' ? 0 : Number(instanceText);
  const here = (instrument: string): boolean => {
    if (repeating !== '') return instrument === repeating;
    return design.instrumentsOf(event).includes(instrument) && design.hasInstances(event, instrument) === instance > 0;
  };
  const rows = new Map<string, Row>();
  for (const [column, value] of Object.entries(flat)) {
    if (value === '' || column === recordIdField || column.startsWith('redcap_')) continue;
    const instrument = design.instrumentOfColumn(column);
    if (instrument === null || !here(instrument)) continue;
    const row = rows.get(instrument) ?? { event, instrument, instance, values: {} };
    row.values[column] = value;
    rows.set(instrument, row);
  }
  return [...rows.values()];
}
