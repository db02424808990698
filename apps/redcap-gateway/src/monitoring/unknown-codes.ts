import type { Row } from '@studybridge/contracts';
import { parseChoices } from '@studybridge/field-mapping';
import { baseField } from '../projects/live-design';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import type { Finding } from './findings';

/** Looks for codes in what was read that the live dictionary does not have, and that no missing answer explains. */
export class UnknownCodes {
  private readonly codes = new Map<string, ReadonlySet<string>>();
  private readonly holders = new Map<string, Set<string>>();

  constructor(project: RedcapProject, checked: Checked) {
    for (const declared of project.definition.declaredFields) {
      const field = checked.design.field(baseField(declared));
      if (!field || field.field_type === 'checkbox') continue;
      const choices = parseChoices(field);
      if (choices.size > 0) this.codes.set(declared, new Set([...choices.keys(), ...checked.missingCodes]));
    }
  }

  look(records: ReadonlyMap<string, readonly Row[]>): void {
    for (const [record, rows] of records) {
      for (const { values } of rows) {
        for (const field in values) {
          const codes = this.codes.get(field);
          if (codes === undefined || values[field] === '' || codes.has(values[field]!)) continue;
          const holders = this.holders.get(field) ?? new Set<string>();
          this.holders.set(field, holders.add(record));
        }
      }
    }
  }

  /** One finding a field, without the code. */
  findings(): Finding[] {
    return [...this.holders].map(([field, records]) => ({
      code: 'UNKNOWN_CODE',
      what: field,
      sentence: `The field ${field} holds a code that the dictionary does not have, in ${records.size} record(s) read last.`,
    }));
  }
}
