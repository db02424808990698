import { z } from 'zod';
import { sealedSchema } from './sealed';

/** Where a cell of a record stands. `instrument` is always named; `instance` is 0 where nothing repeats. */
export const cellAddressSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  field: z.string().min(1),
});
export type CellAddress = z.infer<typeof cellAddressSchema>;

/**
 * What a cell holds, on its way: REDCap's raw text, or, where the cell identifies a person, an envelope of it that opens for
 * this cell of this participant only ({@link cellContext}).
 */
export const cellValueSchema = z.union([z.string(), sealedSchema]);
export type CellValue = z.infer<typeof cellValueSchema>;

/** The context that a cell's value is sealed for. */
export function cellContext(participantId: string, { event, instrument, instance, field }: CellAddress): string {
  return `cell:${participantId}/${event}/${instrument}/${instance}/${field}`;
}

/** One row of the snapshot: the declared, non-identifying values of one instrument in one event. Values as REDCap's raw text; checkbox options as `field___code`. */
export const rowSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  values: z.record(z.string(), z.string()),
});
export type Row = z.infer<typeof rowSchema>;
