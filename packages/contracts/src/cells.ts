import { z } from 'zod';
import { sealedSchema } from './sealed';

/** Where a cell of a record stands. `instrument` is always named; `instance` is 0 where nothing repeats. */
export const cellAddressSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  field: z.string().min(1),
});
/** See {@link cellAddressSchema}. */
export type CellAddress = z.infer<typeof cellAddressSchema>;

/**
 * What a cell holds, on its way: REDCap's raw text, or, where the cell identifies a person, an envelope of it that opens for
 * this cell of this participant only ({@link cellContext}).
 */
export const cellValueSchema = z.union([z.string(), sealedSchema]);
/** See {@link cellValueSchema}. */
export type CellValue = z.infer<typeof cellValueSchema>;

/** The context that a cell's value is sealed for. */
export function cellContext(participantId: string, { event, instrument, instance, field }: CellAddress): string {
  return `cell:${participantId}/${event}/${instrument}/${instance}/${field}`;
}

/** Fields of one row, by their columns: the short way to name many cells. */
export const rowFieldsSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  fields: z.array(z.string().min(1)).min(1),
});
/** See {@link rowFieldsSchema}. */
export type RowFields = z.infer<typeof rowFieldsSchema>;

/** Names cells row by row, rows and fields in the order in which they first come. */
export function byRow(cells: Iterable<CellAddress>): RowFields[] {
  const rows = new Map<string, RowFields>();
  for (const { event, instrument, instance, field } of cells) {
    const key = `${event}/${instrument}/${instance}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { event, instrument, instance, fields: [field] });
    else row.fields.push(field);
  }
  return [...rows.values()];
}

/** One row of the snapshot: the declared, non-identifying values of one instrument in one event. Values as REDCap's raw text; checkbox options as `field___code`. */
export const rowSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  values: z.record(z.string(), z.string()),
});
/** See {@link rowSchema}. */
export type Row = z.infer<typeof rowSchema>;
