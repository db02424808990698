import type { Row } from '@studybridge/contracts';
import { checkMapping, dictionaryColumns, parseChoices, rowsOf, type MappedField } from '@studybridge/field-mapping';
import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { lintMessaging, studies, studyById, type StudyDefinition } from '../src';

const source = path.join(__dirname, '../src');
const validZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** REDCap's own rule for unique event names (redcap-api.md §2.11). */
const uniqueName = (name: string, arm: number): string => {
  const short = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 18)
    .replace(/_$/, '');
  return `${short}_arm_${arm}`;
};

/** Values that the mapped fields may hold, one text for a field that several partner fields share. */
function valuesOf(fields: readonly MappedField[]): fc.Arbitrary<Row[]> {
  const texts = fields.map((field) => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => value.trim() !== '');
    const value = field.codes ? fc.constantFrom(...field.codes) : field.example ? fc.constant(field.example) : text;
    return (field.optional ? fc.oneof(value, fc.constant('')) : value).map((chosen) => ({
      event: field.event,
      instrument: field.instrument,
      instance: 0,
      field: field.field,
      value: chosen,
    }));
  });
  return fc.tuple(...texts).map((cells) => rowsOf(cells));
}

describe('studies', () => {
  it('are one per folder, under the folder’s name', () => {
    const folders = readdirSync(source, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && readdirSync(path.join(source, entry.name)).includes('study.ts'))
      .map((entry) => entry.name);
    expect(studies.map((study) => study.id).sort()).toEqual(folders.sort());
    expect(folders.length).toBeGreaterThan(0);
  });

  it('are found by id; an unknown id is a wrong setting that names the known ones', () => {
    expect(studyById('ismile')).toBe(studies.find((study) => study.id === 'ismile'));
    expect(() => studyById('ismyle')).toThrow(
      expect.objectContaining({ errorClass: 'setting', code: 'UNKNOWN_STUDY' }),
    );
    expect(() => studyById('ismyle')).toThrow(expect.objectContaining({ remedy: expect.stringContaining('ismile') }));
  });
});

describe.each(studies.map((study): [string, StudyDefinition] => [study.id, study]))('%s', (_, study) => {
  const project = study.projects.main;
  const fields = new Map(project.dictionary.map((field) => [field.field_name, field]));
  const instruments = new Set(project.dictionary.map((field) => field.form_name));
  const instrumentOf = (field: string): string | undefined =>
    fields.get(field)?.form_name ?? [...instruments].find((name) => field === `${name}_complete`);

  it('names real zones, and schedules of five fields in a zone of their own', () => {
    expect(validZone(study.zone)).toBe(true);
    for (const schedules of Object.values(study.schedules)) {
      expect(schedules.length).toBeGreaterThan(0);
      for (const { cron, zone } of schedules) {
        expect(cron.split(' ')).toHaveLength(5);
        expect(validZone(zone)).toBe(true);
      }
    }
  });

  it('caps its writes', () => {
    expect(study.writeCaps.recordsPerBatch).toBeGreaterThan(0);
    expect(study.writeCaps.recordsPerRun).toBeGreaterThanOrEqual(study.writeCaps.recordsPerBatch);
  });

  it('has a dictionary as REDCap exports it', () => {
    for (const field of project.dictionary) {
      expect(Object.keys(field)).toEqual([...dictionaryColumns]);
      expect(field.field_name).toMatch(/^[a-z](_?[a-z0-9]+)*$/);
      if (['radio', 'dropdown', 'checkbox'].includes(field.field_type)) {
        expect(parseChoices(field).size).toBeGreaterThan(1);
      }
    }
    expect(fields.size).toBe(project.dictionary.length);
    expect(project.dictionary[0]?.field_name).toBe(project.recordIdField);
  });

  it('has events by REDCap’s own naming, each in an arm, and instruments that exist', () => {
    const arms = new Set(project.arms.map((arm) => arm.number));
    for (const event of project.events) {
      expect(event.uniqueName).toBe(uniqueName(event.name, event.armNumber));
      expect(arms).toContain(event.armNumber);
    }
    const events = new Set(project.events.map((event) => event.uniqueName));
    const designated = project.mapping.map(({ event, instrument }) => `${event}/${instrument}`);
    for (const { event, instrument } of project.mapping) {
      expect(events).toContain(event);
      expect(instruments).toContain(instrument);
    }
    expect(new Set(designated).size).toBe(designated.length);
    for (const { event, instrument } of project.repeating) expect(designated).toContain(`${event}/${instrument}`);
    expect(new Set(project.mapping.map(({ instrument }) => instrument))).toEqual(instruments);
    for (const instrument of project.mayRepeat) expect(instruments).toContain(instrument);
  });

  it('declares fields that exist, none twice, and seals those that identify', () => {
    expect(new Set(project.declaredFields).size).toBe(project.declaredFields.length);
    for (const field of project.declaredFields) {
      expect([field, instrumentOf(field)]).toEqual([field, expect.any(String)]);
      if (fields.get(field)?.identifier === 'y') expect(project.identifyingFields).toContain(field);
    }
    for (const field of project.identifyingFields) expect(project.declaredFields).toContain(field);
  });

  it('seals every phone, e-mail, name, date of birth and message that is read', () => {
    for (const { field_name: name, text_validation_type_or_show_slider_number: validation } of project.dictionary) {
      const identifies =
        ['phone', 'email'].includes(validation) || /_name$|_dob$|mobile_number$|^txt_message$/.test(name);
      if (identifies && project.declaredFields.includes(name)) expect(project.identifyingFields).toContain(name);
    }
  });

  it('gives each cell one owner: what staff may not edit is a service’s, and the reverse', () => {
    for (const field of project.dictionary) {
      const isReadOnly = field.field_annotation.includes('@READONLY');
      expect([field.field_name, project.ownerOf(field.field_name) !== 'staff']).toEqual([field.field_name, isReadOnly]);
    }
    for (const field of project.timestampFields) expect(project.ownerOf(field)).not.toBe('staff');
  });

  it('has mappings that fit its own dictionary and read only declared fields', () => {
    const eventMap = project.mapping.map(({ event, instrument }) => ({ unique_event_name: event, form: instrument }));
    for (const mapping of project.mappings) {
      expect(checkMapping(mapping, project.dictionary, eventMap)).toEqual([]);
      for (const { field } of mapping.fields) expect(project.declaredFields).toContain(field);
    }
    expect(new Set(project.mappings.map((mapping) => mapping.name)).size).toBe(project.mappings.length);
  });

  it.each(project.mappings.map((mapping) => [mapping.name, mapping] as const))(
    'has the mapping %s, whose values come back unchanged from both ways',
    (_name, mapping) => {
      fc.assert(
        fc.property(valuesOf(mapping.fields), (rows) => {
          const shape = mapping.decode(rows);
          const back = rowsOf(mapping.encode(shape));
          expect(back).toEqual(rows);
          expect(mapping.decode(back)).toEqual(shape);
        }),
      );
    },
  );

  const agile = study.agileHealth;
  (agile ? describe : describe.skip)('at the texting partner', () => {
    if (!agile) return;
    const { event, instrument, fields: names } = agile.cells;

    it('writes into cells that exist, are declared, and belong to agile-health', () => {
      expect(project.mapping).toContainEqual({ event, instrument });
      for (const name of Object.values(names)) {
        expect([name, instrumentOf(name)]).toEqual([name, instrument]);
        expect(project.ownerOf(name)).toBe('agile-health');
        expect(project.declaredFields).toContain(name);
      }
      expect(project.timestampFields).toContain(names.lastTimestamp);
    });

    it('has a code of the dictionary for every status, and every code for one status', () => {
      const codes = [...parseChoices(fields.get(names.status)!).keys()];
      const table = [...Object.values(agile.statuses).map((status) => status.code), agile.unknownStatus.code];
      expect(table.sort()).toEqual(codes.sort());
      for (const [word, status] of Object.entries(agile.statuses)) expect(agile.statusOfCode(status.code)).toBe(word);
      expect(agile.statusOfCode(agile.unknownStatus.code)).toBeNull();
      expect(agile.statusOfCode('')).toBeNull();
    });

    it('has codes of the dictionary for the enrolment and for the arm', () => {
      const enrolment = [...parseChoices(fields.get(names.enrollStatus)!).keys()];
      expect(Object.values(agile.enrollStatuses).sort()).toEqual(enrolment.sort());
      const arms = [...parseChoices(fields.get(names.armSent)!).keys()];
      expect([agile.armCode('OHT'), agile.armCode('CWT')].sort()).toEqual(arms.sort());
    });

    it('does not give the arm away by the programme’s name', () => {
      expect(agile.program).not.toMatch(/oht|cwt|oral|wellness/i);
    });
  });

  const texts = study.messaging;
  (texts ? describe : describe.skip)('in its texts', () => {
    if (!texts) return;

    it('says nothing that the linter refuses', () => {
      expect(lintMessaging(texts)).toEqual([]);
    });

    it('has a schedule for every campaign, and no purpose that nothing uses without a template', () => {
      for (const campaign of texts.campaigns) {
        expect(Object.keys(study.schedules)).toContain(campaign.job);
        for (const purpose of campaign.purposes) expect(Object.keys(texts.purposes)).toContain(purpose);
      }
      expect(Object.keys(texts.templates).length).toBeGreaterThan(0);
    });

    it('writes into a log whose cells exist, are declared, and belong to messaging, the date of a text by hand to the staff', () => {
      if (texts.log === null) return;
      const { instrument, fields: names } = texts.log;
      expect(instruments).toContain(instrument);
      expect(project.mayRepeat).toContain(instrument);
      for (const [meaning, name] of Object.entries(names)) {
        expect([name, instrumentOf(name)]).toEqual([name, instrument]);
        expect([name, project.ownerOf(name)]).toEqual([name, meaning === 'manualDate' ? 'staff' : 'messaging']);
        expect(project.declaredFields).toContain(name);
      }
      expect(project.timestampFields).toContain(names.lastTimestamp);
      for (const name of [names.message, names.mobileNumber]) expect(project.identifyingFields).toContain(name);
    });
  });
});
