import { cellReader, mappingsOf } from '@studybridge/field-mapping';
import { codebook } from './codebook';

/** The words with which the mappings are written, bound to this project's codebook. */
export const from = mappingsOf(codebook);

/** Reads one cell by the codebook's names. */
export const read = cellReader(codebook);
