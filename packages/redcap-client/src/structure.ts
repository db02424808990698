import { emptyWhenClassic, readList, sendForCount, sendForNumber, sendRows } from './answers';
import type { CallControl, RedcapWire } from './call';
import { needIntent, type Intent } from './intent';
import {
  armSchema,
  eventSchema,
  fieldNameSchema,
  instrumentSchema,
  mappingSchema,
  metadataRowSchema,
  repeatingSchema,
  type ArmRow,
  type EventRow,
  type FieldNameRow,
  type InstrumentRow,
  type MappingRow,
  type MetadataRow,
  type RepeatingRow,
} from './types';

/** What an event import names; one whose `unique_event_name` is known changes that event, else a new one is made. */
export type EventToImport = Pick<EventRow, 'event_name' | 'arm_num'> & Partial<EventRow>;

/** Dictionary, instruments, arms, events and what belongs where (redcap-api.md §2.7 to §2.13). */
export interface StructureMethods {
  metadata(
    only?: { fields?: readonly string[]; forms?: readonly string[] },
    control?: CallControl,
  ): Promise<MetadataRow[]>;
  /** Replaces the whole dictionary: fields left out are gone, with their data out of sight. Development status only. */
  importMetadata(rows: readonly MetadataRow[], control?: CallControl): Promise<number>;
  /** Every exportable column, or those of one field. */
  exportFieldNames(field?: string, control?: CallControl): Promise<FieldNameRow[]>;
  instruments(control?: CallControl): Promise<InstrumentRow[]>;
  /** Empty for a project without arms. */
  arms(arms?: readonly number[], control?: CallControl): Promise<ArmRow[]>;
  /** `override` first wipes all arms, events and mappings. */
  importArms(rows: readonly ArmRow[], o?: { override?: boolean }, control?: CallControl): Promise<number>;
  /** With an arm go its events. The arm numbers stand in `intent` a second time. */
  deleteArms(arms: readonly number[], intent: Intent, control?: CallControl): Promise<number>;
  /** Empty for a project without events. */
  events(arms?: readonly number[], control?: CallControl): Promise<EventRow[]>;
  importEvents(rows: readonly EventToImport[], o?: { override?: boolean }, control?: CallControl): Promise<number>;
  /** With an event goes what is stored there. The unique names stand in `intent` a second time. */
  deleteEvents(events: readonly string[], intent: Intent, control?: CallControl): Promise<number>;
  /** Empty for a project without events. */
  formEventMapping(arms?: readonly number[], control?: CallControl): Promise<MappingRow[]>;
  /** Replaces the whole mapping. */
  importFormEventMapping(rows: readonly MappingRow[], control?: CallControl): Promise<number>;
  /** Empty where nothing repeats. */
  repeatingFormsEvents(control?: CallControl): Promise<RepeatingRow[]>;
  /** Replaces everything that repeats; an empty list is allowed. */
  importRepeatingFormsEvents(rows: readonly RepeatingRow[], control?: CallControl): Promise<number>;
}

/** The methods over one wire. */
export function structureMethods(wire: RedcapWire): StructureMethods {
  const numbers = (arms: readonly number[] | undefined) => arms?.map(String);
  const override = (o: { override?: boolean } | undefined) => (o?.override ? '1' : '0');
  return {
    metadata: (only, control) =>
      readList(wire, { content: 'metadata', fields: only?.fields, forms: only?.forms }, metadataRowSchema, { control }),
    importMetadata: (rows, control) => sendRows(wire, { content: 'metadata' }, rows, control),
    exportFieldNames: (field, control) =>
      readList(wire, { content: 'exportFieldNames', field }, fieldNameSchema, { control }),
    instruments: (control) => readList(wire, { content: 'instrument' }, instrumentSchema, { control }),

    arms: (arms, control) =>
      emptyWhenClassic(() => readList(wire, { content: 'arm', arms: numbers(arms) }, armSchema, { control })),
    importArms: (rows, o, control) => sendRows(wire, { content: 'arm', override: override(o) }, rows, control),
    async deleteArms(arms, intent, control) {
      needIntent(arms.map(String), intent);
      const params = { content: 'arm', action: 'delete', arms: numbers(arms) };
      return sendForCount(wire, params, 'delete', arms.length, control);
    },

    events: (arms, control) =>
      emptyWhenClassic(() => readList(wire, { content: 'event', arms: numbers(arms) }, eventSchema, { control })),
    importEvents: (rows, o, control) => sendRows(wire, { content: 'event', override: override(o) }, rows, control),
    async deleteEvents(events, intent, control) {
      needIntent(events, intent);
      return sendForCount(wire, { content: 'event', action: 'delete', events }, 'delete', events.length, control);
    },

    formEventMapping: (arms, control) =>
      emptyWhenClassic(() =>
        readList(wire, { content: 'formEventMapping', arms: numbers(arms) }, mappingSchema, { control }),
      ),
    importFormEventMapping: (rows, control) => sendRows(wire, { content: 'formEventMapping' }, rows, control),

    repeatingFormsEvents: (control) =>
      emptyWhenClassic(async () => {
        const rows = await readList(wire, { content: 'repeatingFormsEvents' }, repeatingSchema, { control });
        return rows.map((row) => ({ event: row.event_name, form: row.form_name, label: row.custom_form_label }));
      }),
    importRepeatingFormsEvents: (rows, control) => {
      const sent = rows.map((row) => ({
        event_name: row.event,
        form_name: row.form,
        custom_form_label: row.label,
      }));
      const params = {
        content: 'repeatingFormsEvents',
        action: 'import',
        format: 'json',
        data: JSON.stringify(sent),
      };
      return sendForNumber(wire, params, 'import', control);
    },
  };
}
