import { z } from 'zod';

/** Where a cell of a record stands. `instrument` is always named; `instance` is 0 where nothing repeats. */
export const cellAddressSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  field: z.string().min(1),
});
export type CellAddress = z.infer<typeof cellAddressSchema>;

/** One row of the snapshot: the declared, non-identifying values of one instrument in one event. Values as REDCap's raw text; checkbox options as `field___code`. */
export const rowSchema = z.object({
  event: z.string(),
  instrument: z.string().min(1),
  instance: z.number().int().min(0),
  values: z.record(z.string(), z.string()),
});
export type Row = z.infer<typeof rowSchema>;
