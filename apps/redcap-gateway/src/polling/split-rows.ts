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
  const instance = instanceText === '' ? 0 : Number(instanceText);
  const homes = homesOf(design, event, flat.redcap_repeat_instrument ?? '', instance > 0);
  const rows = new Map<string, Row>();
  for (const column in flat) {
    const value = flat[column]!;
    if (value === '' || column === recordIdField) continue;
    const instrument = homes.of(column);
    if (instrument === null) continue;
    let row = rows.get(instrument);
    if (row === undefined) rows.set(instrument, (row = { event, instrument, instance, values: {} }));
    row.values[column] = value;
  }
  return [...rows.values()];
}

/** To which instrument a column's value belongs in one kind of flat row; null = to none. Asked for every cell that is read. */
class Homes {
  private readonly known = new Map<string, string | null>();

  constructor(private readonly find: (column: string) => string | null) {}

  of(column: string): string | null {
    let home = this.known.get(column);
    if (home === undefined) this.known.set(column, (home = this.find(column)));
    return home;
  }
}

const homesByDesign = new WeakMap<LiveDesign, Map<string, Homes>>();

function homesOf(design: LiveDesign, event: string, repeating: string, isInstance: boolean): Homes {
  let byPlace = homesByDesign.get(design);
  if (byPlace === undefined) homesByDesign.set(design, (byPlace = new Map()));
  const place = `${event}/${repeating}/${isInstance}`;
  let homes = byPlace.get(place);
  if (homes !== undefined) return homes;
  const here = (instrument: string): boolean => {
    if (repeating !== '') return instrument === repeating;
    return design.instrumentsOf(event).includes(instrument) && design.hasInstances(event, instrument) === isInstance;
  };
  homes = new Homes((column) => {
    const instrument = column.startsWith('redcap_') ? null : design.instrumentOfColumn(column);
    return instrument !== null && here(instrument) ? instrument : null;
  });
  byPlace.set(place, homes);
  return homes;
}
