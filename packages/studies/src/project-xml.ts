import type { Row } from '@studybridge/contracts';
import { parseChoices, type DictionaryField } from '@studybridge/field-mapping';
import type { ProjectFiles } from './project-files';

/** One record of a project XML. `rows` in any order; blank values are left out, as REDCap does. */
export interface XmlRecord {
  record: string;
  rows: readonly Row[];
}

/** What goes into a project XML. `createdAt` is wall time of the server, `YYYY-MM-DDTHH:MM:SS`. */
export interface ProjectXmlOptions {
  title: string;
  files: ProjectFiles;
  createdAt: string;
  records: readonly XmlRecord[];
  /** Instruments that are surveys, with the survey's title. */
  surveys?: Readonly<Record<string, string>>;
}

const statusChoices: readonly [string, string][] = [
  ['0', 'Incomplete'],
  ['1', 'Unverified'],
  ['2', 'Complete'],
];

/** A project as REDCap's own project XML (CDISC ODM 1.3.1 with the `redcap:` extension), data included (redcap-api.md §6). */
export function buildProjectXml(options: ProjectXmlOptions): string {
  const { title, files } = options;
  const studyOid = `Project.${title.replace(/[^A-Za-z0-9]/g, '')}`;
  const metadataOid = `Metadata.${title.replace(/[^A-Za-z0-9]/g, '')}_${options.createdAt.slice(0, 10)}`;
  return [
    '<?xml version="1.0" encoding="UTF-8" ?>',
    element(
      'ODM',
      {
        xmlns: 'http://www.cdisc.org/ns/odm/v1.3',
        'xmlns:ds': 'http://www.w3.org/2000/09/xmldsig#',
        'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
        'xmlns:redcap': 'https://projectredcap.org',
        ODMVersion: '1.3.1',
        FileOID: '000-00-0000',
        FileType: 'Snapshot',
        Description: title,
        AsOfDateTime: options.createdAt,
        CreationDateTime: options.createdAt,
        SourceSystem: 'REDCap',
        SourceSystemVersion: '8.7.0',
      },
      [
        element('Study', { OID: studyOid }, [
          globalVariables(options),
          element(
            'MetaDataVersion',
            { OID: metadataOid, Name: title, 'redcap:RecordIdField': files.dictionary[0]?.field_name ?? '' },
            [...events(files), ...files.instruments.flatMap((instrument) => form(files, instrument.instrument_name))],
          ),
        ]),
        element(
          'ClinicalData',
          { StudyOID: studyOid, MetaDataVersionOID: metadataOid },
          options.records.map((record) => subject(files, record)),
        ),
      ],
    ),
    '',
  ].join('\n');
}

function globalVariables({ title, files, surveys = {} }: ProjectXmlOptions): string {
  const setting = (name: string, value: string): string => element(`redcap:${name}`, {}, [escape(value)]);
  return element('GlobalVariables', {}, [
    element('StudyName', {}, [escape(title)]),
    element('StudyDescription', {}, ['This file contains the metadata, events, and data for REDCap project.']),
    element('ProtocolName', {}, [escape(title)]),
    setting('RecordAutonumberingEnabled', '1'),
    setting('CustomRecordLabel', ''),
    setting('SecondaryUniqueField', ''),
    setting('SchedulingEnabled', '0'),
    setting('SurveysEnabled', Object.keys(surveys).length > 0 ? '1' : '0'),
    setting('SurveyInvitationEmailField', ''),
    setting('Purpose', '2'),
    setting('MissingDataCodes', ''),
    ...(files.repeating.length === 0
      ? []
      : [
          element(
            'redcap:RepeatingInstrumentsAndEvents',
            {},
            files.repeating.map((row) =>
              row.form_name === ''
                ? element('redcap:RepeatingEvent', { 'redcap:UniqueEventName': row.event_name })
                : element('redcap:RepeatingInstruments', {}, [
                    element('redcap:RepeatingInstrument', {
                      'redcap:UniqueEventName': row.event_name,
                      'redcap:RepeatInstrument': row.form_name,
                      'redcap:CustomLabel': row.custom_form_label,
                    }),
                  ]),
            ),
          ),
        ]),
    ...(Object.keys(surveys).length === 0
      ? []
      : [
          element(
            'redcap:SurveysGroup',
            {},
            Object.entries(surveys).map(([name, surveyTitle]) =>
              element('redcap:Surveys', { form_name: name, title: surveyTitle, survey_enabled: '1' }),
            ),
          ),
        ]),
  ]);
}

function events(files: ProjectFiles): string[] {
  const protocol = element(
    'Protocol',
    {},
    files.events.map((event, index) =>
      element('StudyEventRef', {
        StudyEventOID: `Event.${event.unique_event_name}`,
        OrderNumber: String(index + 1),
        Mandatory: 'No',
      }),
    ),
  );
  const definitions = files.events.map((event) => {
    const arm = files.arms.find((candidate) => candidate.arm_num === event.arm_num)?.name ?? `Arm ${event.arm_num}`;
    const name = files.arms.length > 1 ? `${event.event_name} (Arm ${event.arm_num}: ${arm})` : event.event_name;
    const attributes = {
      OID: `Event.${event.unique_event_name}`,
      Name: name,
      Type: 'Common',
      Repeating: 'No',
      'redcap:EventName': event.event_name,
      'redcap:CustomEventLabel': '',
      'redcap:UniqueEventName': event.unique_event_name,
      'redcap:ArmNum': String(event.arm_num),
      'redcap:ArmName': arm,
      'redcap:DayOffset': String(event.day_offset),
      'redcap:OffsetMin': String(event.offset_min),
      'redcap:OffsetMax': String(event.offset_max),
    };
    const forms = files.eventMap
      .filter((row) => row.unique_event_name === event.unique_event_name)
      .map((row, index) =>
        element('FormRef', {
          FormOID: `Form.${row.form}`,
          OrderNumber: String(index + 1),
          Mandatory: 'No',
          'redcap:FormName': row.form,
        }),
      );
    return element('StudyEventDef', attributes, forms);
  });
  return [protocol, ...definitions];
}

/** The form, its item groups (split at section headers), its items with the form status, and their code lists. */
function form(files: ProjectFiles, name: string): string[] {
  const label = files.instruments.find((row) => row.instrument_name === name)?.instrument_label ?? name;
  const fields = files.dictionary.filter((field) => field.form_name === name);
  const groups: { oid: string; title: string; items: { oid: string; variable: string; mandatory: boolean }[] }[] = [];
  for (const field of fields) {
    let group = groups.at(-1);
    if (group === undefined || field.section_header !== '') {
      group = { oid: `${name}.${field.field_name}`, title: field.section_header || label, items: [] };
      groups.push(group);
    }
    for (const oid of itemsOf(field)) {
      group.items.push({ oid, variable: field.field_name, mandatory: field.required_field === 'y' });
    }
  }
  const status = `${name}_complete`;
  groups.push({
    oid: `${name}.${status}`,
    title: 'Form Status',
    items: [{ oid: status, variable: status, mandatory: false }],
  });
  return [
    element(
      'FormDef',
      { OID: `Form.${name}`, Name: label, Repeating: 'No', 'redcap:FormName': name },
      groups.map((group) => element('ItemGroupRef', { ItemGroupOID: group.oid, Mandatory: 'No' })),
    ),
    ...groups.map((group) =>
      element(
        'ItemGroupDef',
        { OID: group.oid, Name: group.title, Repeating: 'No' },
        group.items.map((item) =>
          element('ItemRef', {
            ItemOID: item.oid,
            Mandatory: item.mandatory ? 'Yes' : 'No',
            'redcap:Variable': item.variable,
          }),
        ),
      ),
    ),
    ...fields.flatMap(items),
    statusItem(status),
    ...fields.flatMap(codeLists),
    codeList(`${status}.choices`, status, statusChoices),
  ];
}

const xmlTypes: Readonly<Record<string, string>> = { dropdown: 'select', notes: 'textarea' };
const xmlValidations: Readonly<Record<string, string>> = { integer: 'int', number: 'float' };

function itemsOf(field: DictionaryField): string[] {
  if (field.field_type !== 'checkbox') return [field.field_name];
  return [...parseChoices(field).keys()].map((code) => `${field.field_name}___${code}`);
}

function items(field: DictionaryField): string[] {
  const validation = field.text_validation_type_or_show_slider_number;
  const choices = parseChoices(field);
  const bounds: [string, string][] = [
    ['GE', field.text_validation_min],
    ['LE', field.text_validation_max],
  ];
  return itemsOf(field).map((oid) =>
    element(
      'ItemDef',
      {
        OID: oid,
        Name: oid,
        DataType: dataType(field),
        Length: '999',
        'redcap:Variable': field.field_name,
        'redcap:FieldType': xmlTypes[field.field_type] ?? field.field_type,
        ...given('redcap:TextValidationType', xmlValidations[validation] ?? validation),
        ...given('redcap:SectionHeader', field.section_header),
        ...given('redcap:Identifier', field.identifier),
        ...given('redcap:FieldNote', field.field_note),
        ...given('redcap:BranchingLogic', field.branching_logic),
        ...given('redcap:RequiredField', field.required_field),
        ...given('redcap:CustomAlignment', field.custom_alignment),
        ...given('redcap:QuestionNumber', field.question_number),
        ...given('redcap:MatrixGroupName', field.matrix_group_name),
        ...given('redcap:MatrixRanking', field.matrix_ranking),
        ...given('redcap:FieldAnnotation', field.field_annotation),
        ...(field.field_type === 'calc' ? { 'redcap:Calculation': field.select_choices_or_calculations } : {}),
        ...(field.field_type === 'slider' ? { 'redcap:SliderLabels': field.select_choices_or_calculations } : {}),
      },
      [
        element('Question', {}, [element('TranslatedText', {}, [escape(field.field_label)])]),
        ...(choices.size > 0 ? [element('CodeListRef', { CodeListOID: `${oid}.choices` })] : []),
        ...bounds
          .filter(([, bound]) => bound !== '')
          .map(([comparator, bound]) =>
            element('RangeCheck', { Comparator: comparator, SoftHard: 'Soft' }, [
              element('CheckValue', {}, [escape(bound)]),
            ]),
          ),
      ],
    ),
  );
}

function dataType(field: DictionaryField): string {
  if (field.field_type === 'yesno' || field.field_type === 'truefalse') return 'boolean';
  const validation = field.text_validation_type_or_show_slider_number;
  if (validation.startsWith('datetime_')) return 'partialDatetime';
  if (validation.startsWith('date_')) return 'date';
  if (validation === 'integer') return 'integer';
  return validation.startsWith('number') ? 'float' : 'text';
}

function statusItem(name: string): string {
  const attributes = { OID: name, Name: name, DataType: 'text', Length: '1', 'redcap:Variable': name };
  return element('ItemDef', { ...attributes, 'redcap:FieldType': 'select', 'redcap:SectionHeader': 'Form Status' }, [
    element('Question', {}, [element('TranslatedText', {}, ['Complete?'])]),
    element('CodeListRef', { CodeListOID: `${name}.choices` }),
  ]);
}

function codeLists(field: DictionaryField): string[] {
  const choices = [...parseChoices(field)];
  if (choices.length === 0) return [];
  if (field.field_type !== 'checkbox') return [codeList(`${field.field_name}.choices`, field.field_name, choices)];
  return itemsOf(field).map((oid) =>
    codeList(
      `${oid}.choices`,
      field.field_name,
      [
        ['1', 'Checked'],
        ['0', 'Unchecked'],
      ],
      field.select_choices_or_calculations,
    ),
  );
}

function codeList(oid: string, variable: string, choices: readonly [string, string][], checkbox?: string): string {
  return element(
    'CodeList',
    {
      OID: oid,
      Name: variable,
      DataType: checkbox === undefined ? 'text' : 'boolean',
      'redcap:Variable': variable,
      ...(checkbox === undefined ? {} : { 'redcap:CheckboxChoices': checkbox }),
    },
    choices.map(([code, label]) =>
      element('CodeListItem', { CodedValue: code }, [
        element('Decode', {}, [element('TranslatedText', {}, [escape(label)])]),
      ]),
    ),
  );
}

function subject(files: ProjectFiles, { record, rows }: XmlRecord): string {
  const recordIdField = files.dictionary[0]?.field_name ?? 'record_id';
  const visits = files.events.flatMap((event) => {
    const forms = rows.filter((row) => row.event === event.unique_event_name);
    if (forms.length === 0) return [];
    return [
      element(
        'StudyEventData',
        {
          StudyEventOID: `Event.${event.unique_event_name}`,
          StudyEventRepeatKey: '1',
          'redcap:UniqueEventName': event.unique_event_name,
        },
        forms.map((row) =>
          element('FormData', { FormOID: `Form.${row.instrument}`, FormRepeatKey: String(row.instance || 1) }, [
            element('ItemGroupData', { ItemGroupOID: '', ItemGroupRepeatKey: '1' }, values(files, row)),
          ]),
        ),
      ),
    ];
  });
  return element('SubjectData', { SubjectKey: record, 'redcap:RecordIdField': recordIdField }, visits);
}

/** Datetimes carry a `T` in the XML (redcap-api.md §6.6). */
function values(files: ProjectFiles, row: Row): string[] {
  return Object.entries(row.values)
    .filter(([, value]) => value !== '')
    .map(([field, value]) => {
      const known = files.dictionary.find((candidate) => candidate.field_name === field);
      const isDatetime = known?.text_validation_type_or_show_slider_number.startsWith('datetime_') === true;
      return element('ItemData', { ItemOID: field, Value: isDatetime ? value.replace(' ', 'T') : value });
    });
}

function given(name: string, value: string): Record<string, string> {
  return value === '' ? {} : { [name]: value };
}

function element(name: string, attributes: Record<string, string>, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(value)}"`);
  const open = `<${name}${written.join('')}`;
  if (children.length === 0) return `${open}/>`;
  const inner = children.some((child) => child.startsWith('<')) ? `\n${children.join('\n')}\n` : children.join('');
  return `${open}>${inner}</${name}>`;
}

function escape(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#039;')
    .replace(/\n/g, '&#10;');
}
