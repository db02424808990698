import { StudybridgeError, type CellAddress, type Row } from '@studybridge/contracts';
import type { Codebook, CodeOf, EventOf, FieldIn } from './codebook';
import { MappingError } from './mapping-error';
import { cellValue } from './read-cell';

/** One cell with the value that belongs into it (`''` = blank). */
export interface Cell extends CellAddress {
  value: string;
}

/** A REDCap field that a mapping depends on, and what it expects of it: what the drift check compares. */
export interface MappedField {
  /** Dotted path in the partner's shape. */
  partnerField: string;
  event: string;
  field: string;
  instrument: string;
  type: string;
  validation: string;
  /** The codes that the mapping translates; null where it takes any text. */
  codes: readonly string[] | null;
  /** Whether it may be blank. */
  optional: boolean;
  /** A REDCap text that comes back unchanged from both ways, where not every text does. */
  example: string | null;
}

/** A mapping as the drift check sees it. */
export interface CheckableMapping {
  name: string;
  fields: readonly MappedField[];
}

/** Where a value of the partner's shape comes from and how it goes back. */
export interface Source<V> {
  /** Fields below this source; `partnerField` relative to it. */
  readonly fields: readonly MappedField[];
  readonly decode: (rows: readonly Row[]) => V;
  readonly encode: (value: V) => Cell[];
}

/** A source that is exactly one REDCap field. */
export interface FieldSource<V> extends Source<V> {
  readonly field: MappedField;
}

/** A source for every field of the partner's shape; optional ones need an `optional` source. */
export type SourcesOf<Shape> = { readonly [K in keyof Shape]-?: Source<Shape[K]> };

/** A two-way mapping between the codebook's cells and the partner's shape. */
export interface Mapping<Shape> extends CheckableMapping {
  /** Throws MappingError (participant) for a blank cell that is not optional and for a code that is not known. */
  decode(rows: readonly Row[]): Shape;
  /** One cell for each mapped field, a blank one for an optional value that is left out. Throws MappingError for a word that no code stands for. */
  encode(shape: Shape): Cell[];
}

type Word = string | number | boolean;
type OnlyCodes<T, Code extends string> = {
  [K in keyof T]: `${K & (string | number)}` extends Code ? T[K] : never;
};

/** Translations of a text that is not a list of codes; both throw MappingError for what they cannot translate. */
export interface Conversion<V> {
  /** A REDCap text that comes back unchanged from both ways; fictional. */
  example?: string;
  decode(value: string, where: MappedField): V;
  encode(value: V, where: MappedField): string;
}

/**
 * The words with which the mappings of one codebook are written. Every field is named with its event; what the codebook
 * does not know does not compile.
 */
export function mappingsOf<const C extends Codebook>(codebook: C) {
  const describe = (event: string, field: string, codes: readonly string[] | null, example?: string): MappedField => {
    const known = codebook.fields[field];
    if (known === undefined) throw definitionError(`the field ${field} is not in the codebook`);
    return {
      partnerField: '',
      event,
      field,
      instrument: known.instrument,
      type: known.type,
      validation: known.validation,
      codes,
      optional: false,
      example: example ?? null,
    };
  };

  function converted<V, E extends EventOf<C>, F extends FieldIn<C, E>>(
    event: E,
    field: F,
    conversion: Conversion<V>,
  ): FieldSource<V> {
    return fieldSource(describe(event, field, null, conversion.example), conversion);
  }

  return {
    /** Text as it stands, never blank. */
    text<E extends EventOf<C>, F extends FieldIn<C, E>>(event: E, field: F): FieldSource<string> {
      return converted(event, field, { decode: (value) => value, encode: (value) => value });
    },

    /** Text that is translated by a pair of functions. */
    converted,

    /** A code list: every code of the field is named with the partner's word for it, and no two share a word. */
    coded<E extends EventOf<C>, F extends FieldIn<C, E>, const T extends Readonly<Record<CodeOf<C, F>, Word>>>(
      event: E,
      field: F,
      words: T & OnlyCodes<T, CodeOf<C, F>>,
    ): FieldSource<T[keyof T]> {
      const byCode = new Map<string, Word>(Object.entries(words as Record<string, Word>));
      const byWord = new Map<Word, string>([...byCode].map(([code, word]) => [word, code]));
      if (byWord.size !== byCode.size) {
        throw definitionError(`two codes of ${field} share a word, so the way back is not clear`);
      }
      return fieldSource(describe(event, field, [...byCode.keys()]), {
        decode(code, where) {
          const word = byCode.get(code);
          if (word === undefined) throw unknownCode(where);
          return word as T[keyof T];
        },
        encode(word, where) {
          const code = byWord.get(word as Word);
          if (code === undefined) {
            throw new MappingError(
              `No code of ${where.field} stands for the word that came for it.`,
              'Extend the mapping, or ask the partner what the word means.',
            );
          }
          return code;
        },
      });
    },

    /** A field that may be blank: the partner's field is then left out. */
    optional<V>(source: FieldSource<V>): FieldSource<V | undefined> {
      const field = { ...source.field, optional: true };
      return {
        field,
        fields: [field],
        decode: (rows) => (isBlank(rows, field) ? undefined : source.decode(rows)),
        encode: (value) => (value === undefined ? [cell(field, '')] : source.encode(value)),
      };
    },

    /** A value that REDCap does not hold. The way back checks that it is that value. */
    constant<const V>(value: V): Source<V> {
      return {
        fields: [],
        decode: () => value,
        encode(given) {
          if (given !== value) {
            throw new MappingError(
              'A fixed value of the mapping came back changed.',
              'Ask the partner what changed it.',
            );
          }
          return [];
        },
      };
    },

    /** A nested object. */
    group: groupOf,

    /** A whole mapping; `name` stands in drift messages. */
    mapping<Shape extends object>(name: string, sources: SourcesOf<Shape>): Mapping<Shape> {
      return { name, ...groupOf(sources) };
    },
  };
}

function groupOf<Shape extends object>(sources: SourcesOf<Shape>): Source<Shape> {
  const entries = Object.entries(sources) as [keyof Shape & string, Source<Shape[keyof Shape]>][];
  return {
    fields: entries.flatMap(([name, source]) =>
      source.fields.map((field) => ({
        ...field,
        partnerField: field.partnerField === '' ? name : `${name}.${field.partnerField}`,
      })),
    ),
    decode(rows) {
      const shape: Record<string, unknown> = {};
      for (const [name, source] of entries) {
        const value = source.decode(rows);
        if (value !== undefined) shape[name] = value;
      }
      return shape as Shape;
    },
    encode: (shape) => entries.flatMap(([name, source]) => source.encode(shape[name])),
  };
}

function fieldSource<V>(field: MappedField, conversion: Conversion<V>): FieldSource<V> {
  return {
    field,
    fields: [field],
    decode(rows) {
      if (isBlank(rows, field)) {
        throw new MappingError(
          `The field ${field.field} (${field.event}) is blank.`,
          `Fill in ${field.field} in REDCap.`,
        );
      }
      return conversion.decode(cellValue(rows, field.event, field.instrument, field.field), field);
    },
    encode: (value) => [cell(field, conversion.encode(value, field))],
  };
}

function cell(field: MappedField, value: string): Cell {
  return { event: field.event, instrument: field.instrument, instance: 0, field: field.field, value };
}

function isBlank(rows: readonly Row[], field: MappedField): boolean {
  return cellValue(rows, field.event, field.instrument, field.field).trim() === '';
}

function unknownCode(where: MappedField): MappingError {
  return new MappingError(
    `The field ${where.field} (${where.event}) holds a code that the mapping does not know.`,
    `Correct ${where.field} in REDCap or extend the mapping.`,
  );
}

function definitionError(why: string): StudybridgeError {
  return new StudybridgeError(`A mapping cannot be defined: ${why}.`, {
    code: 'MAPPING_DEFINITION',
    errorClass: 'bug',
    remedy: 'Correct the mapping in the study folder.',
  });
}

/** Cells as rows, one per event, instrument and instance: what `decode` reads. */
export function rowsOf(cells: readonly Cell[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { event, instrument, instance, field, value } of cells) {
    const key = `${event}/${instrument}/${instance}`;
    const row = rows.get(key) ?? { event, instrument, instance, values: {} };
    row.values[field] = value;
    rows.set(key, row);
  }
  return [...rows.values()];
}
