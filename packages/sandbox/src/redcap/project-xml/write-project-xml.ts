import type { Column } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import type { Field, ProjectEvent } from '../model';
import type { Project } from '../project';
import type { RowFilter } from '../records/filter-logic';
import { escapeXml, xmlAttributes as attributes } from '../xml-text';
import { groupElements } from './write-groups';

const translated = (text: string): string => `<TranslatedText>${escapeXml(text)}</TranslatedText>`;
const xmlTypes: Record<string, string> = { dropdown: 'select', notes: 'textarea' };
const xmlValidations: Record<string, string> = { integer: 'int', number: 'float' };

function optional(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

function dataType(field: Field): string {
  if (field.type === 'yesno' || field.type === 'truefalse' || field.type === 'checkbox') return 'boolean';
  if (field.type === 'calc' || field.validation.startsWith('number')) return 'float';
  if (field.validation === 'integer' || field.type === 'slider') return 'integer';
  if (field.validation.startsWith('datetime')) return 'partialDatetime';
  return field.validation.startsWith('date') ? 'date' : 'text';
}

function itemDef(oid: string, field: Field, hasList: boolean): string {
  const own = attributes({
    OID: oid,
    Name: oid,
    DataType: dataType(field),
    Length: '999',
    'redcap:Variable': field.name,
    'redcap:FieldType': xmlTypes[field.type] ?? field.type,
    ...optional({
      'redcap:TextValidationType': xmlValidations[field.validation] ?? field.validation,
      'redcap:SectionHeader': field.sectionHeader,
      'redcap:Identifier': field.identifier ? 'y' : '',
      'redcap:FieldNote': field.note,
      'redcap:Calculation': field.type === 'calc' ? field.choices : '',
      'redcap:SliderLabels': field.type === 'slider' ? field.choices : '',
      'redcap:BranchingLogic': field.branchingLogic,
      'redcap:RequiredField': field.required ? 'y' : '',
      'redcap:CustomAlignment': field.alignment,
      'redcap:QuestionNumber': field.questionNumber,
      'redcap:MatrixGroupName': field.matrixGroup,
      'redcap:MatrixRanking': field.matrixRanking,
      'redcap:FieldAnnotation': field.annotation,
    }),
  });
  const label = /<[a-z]/i.test(field.label)
    ? `${translated(field.label.replace(/<[^>]*>/g, ''))}<redcap:FormattedTranslatedText>${escapeXml(field.label)}</redcap:FormattedTranslatedText>`
    : translated(field.label);
  const check = (comparator: string, value: string): string =>
    value === ''
      ? ''
      : `<RangeCheck Comparator="${comparator}" SoftHard="Soft"><CheckValue>${escapeXml(value)}</CheckValue></RangeCheck>`;
  const list = hasList ? `<CodeListRef${attributes({ CodeListOID: `${oid}.choices` })}/>` : '';
  return `<ItemDef${own}><Question>${label}</Question>${list}${check('GE', field.min)}${check('LE', field.max)}</ItemDef>\n`;
}

function codeList(oid: string, field: Field, choices: Iterable<[string, string]>, checkbox: boolean): string {
  const items = [...choices].map(
    ([code, label]) =>
      `<CodeListItem${attributes({ CodedValue: code })}><Decode>${translated(label)}</Decode></CodeListItem>`,
  );
  const own = attributes({
    OID: `${oid}.choices`,
    Name: oid,
    DataType: 'text',
    'redcap:Variable': field.name,
    ...(checkbox ? { 'redcap:CheckboxChoices': field.choices } : {}),
  });
  return `<CodeList${own}>${items.join('')}</CodeList>\n`;
}

const boxItems: [string, string][] = [
  ['1', 'Checked'],
  ['0', 'Unchecked'],
];
const statusField = (form: string): Field => ({
  name: `${form}_complete`,
  form,
  sectionHeader: 'Form Status',
  type: 'dropdown',
  label: 'Complete?',
  choices: '',
  note: '',
  validation: '',
  min: '',
  max: '',
  identifier: false,
  branchingLogic: '',
  required: false,
  alignment: '',
  questionNumber: '',
  matrixGroup: '',
  matrixRanking: '',
  annotation: '',
});

function* forms({ codebook, design }: Project): Generator<string> {
  const groups: string[] = [];
  const items: string[] = [];
  const lists: string[] = [];
  for (const form of design.forms) {
    const fields = [...design.fields.filter((field) => field.form === form.name), statusField(form.name)];
    let group = '';
    const refs: string[] = [];
    const open = (oid: string, name: string): void => {
      if (group !== '') groups.push(`${group}</ItemGroupDef>\n`);
      group = `<ItemGroupDef${attributes({ OID: oid, Name: name, Repeating: 'No' })}>`;
      refs.push(`<ItemGroupRef${attributes({ ItemGroupOID: oid, Mandatory: 'No' })}/>`);
    };
    for (const field of fields) {
      if (group === '' || field.sectionHeader !== '')
        open(`${form.name}.${field.name}`, field.sectionHeader || form.label);
      const columns: Column[] = codebook.columnsByField.get(field.name) ?? [];
      const oids = field.type === 'descriptive' ? [field.name] : columns.map((column) => column.name);
      oids.forEach((oid, at) => {
        const column = columns[at];
        const hasList = column !== undefined && column.choices.size > 0;
        group += `<ItemRef${attributes({ ItemOID: oid, Mandatory: field.required ? 'Yes' : 'No', 'redcap:Variable': field.name })}/>`;
        items.push(itemDef(oid, field, hasList));
        if (hasList)
          lists.push(
            codeList(oid, field, field.type === 'checkbox' ? boxItems : column.choices, field.type === 'checkbox'),
          );
      });
    }
    groups.push(`${group}</ItemGroupDef>\n`);
    const own = attributes({
      OID: `Form.${form.name}`,
      Name: form.label,
      Repeating: 'No',
      'redcap:FormName': form.name,
    });
    yield `<FormDef${own}>${refs.join('')}</FormDef>\n`;
  }
  yield groups.join('');
  yield items.join('');
  yield lists.join('');
}

function globalVariables(project: Project): string {
  const { design, codebook } = project;
  const { settings } = design;
  const element = (name: string, value: string | number): string =>
    value === '' ? '' : `<redcap:${name}>${escapeXml(String(value))}</redcap:${name}>\n`;
  const repeatingEvents = design.repeating
    .filter((entry) => entry.form === '' && codebook.longitudinal)
    .map((entry) => `<redcap:RepeatingEvent${attributes({ 'redcap:UniqueEventName': entry.event })}/>`);
  const repeatingForms = codebook.events.flatMap((event) => {
    const shown = codebook.isShown(event) ? design.repeating : [];
    const entries = shown.filter((entry) => entry.event === event.uniqueName && entry.form !== '');
    if (entries.length === 0) return [];
    const inner = entries.map(
      (entry) =>
        `<redcap:RepeatingInstrument${attributes({ 'redcap:UniqueEventName': entry.event, 'redcap:RepeatInstrument': entry.form, 'redcap:CustomLabel': entry.label })}/>`,
    );
    return [`<redcap:RepeatingInstruments>${inner.join('')}</redcap:RepeatingInstruments>`];
  });
  const groups = design.dags.map((dag) => `<redcap:DataAccessGroups${attributes({ group_name: dag.name })}/>`);
  const surveys = design.forms.flatMap((form) =>
    form.survey === undefined
      ? []
      : [`<redcap:Surveys${attributes({ form_name: form.name, title: form.survey, survey_enabled: 1 })}/>`],
  );
  const wrap = (name: string, parts: string[]): string =>
    parts.length === 0 ? '' : `<redcap:${name}>${parts.join('')}</redcap:${name}>\n`;
  return [
    '<GlobalVariables>\n',
    `<StudyName>${escapeXml(settings.title)}</StudyName>\n`,
    '<StudyDescription>This file contains the metadata, events, and data for a REDCap project.</StudyDescription>\n',
    `<ProtocolName>${escapeXml(settings.title)}</ProtocolName>\n`,
    element('RecordAutonumberingEnabled', Number(settings.autonumbering)),
    element('CustomRecordLabel', settings.customRecordLabel),
    element('SecondaryUniqueField', settings.secondaryUniqueField),
    element('SchedulingEnabled', Number(settings.schedulingEnabled)),
    element('SurveysEnabled', Number(settings.surveysEnabled)),
    element('SurveyInvitationEmailField', settings.surveyEmailField),
    element('RandomizationEnabled', Number(settings.randomizationEnabled)),
    element('Purpose', settings.purpose),
    element('PurposeOther', settings.purposeOther),
    element('ProjectNotes', settings.notes),
    element('MissingDataCodes', settings.missingDataCodes),
    codebook.hasRepeating ? wrap('RepeatingInstrumentsAndEvents', [...repeatingEvents, ...repeatingForms]) : '',
    wrap('DataAccessGroupsGroup', groups),
    wrap('SurveysGroup', surveys),
    ...groupElements(project).map(([name, elements]) => wrap(name, elements)),
    '</GlobalVariables>\n',
  ].join('');
}

function eventDefs({ design, codebook }: Project): string {
  if (!design.longitudinal) return '';
  const refs = design.events.map(
    (event, at) =>
      `<StudyEventRef${attributes({ StudyEventOID: `Event.${event.uniqueName}`, OrderNumber: at + 1, Mandatory: 'No' })}/>`,
  );
  const definitions = design.events.map((event) => {
    const own = attributes({
      OID: `Event.${event.uniqueName}`,
      Name: codebook.eventTitle(event),
      Type: 'Common',
      Repeating: 'No',
      'redcap:EventName': event.name,
      'redcap:CustomEventLabel': event.customLabel,
      'redcap:UniqueEventName': event.uniqueName,
      'redcap:ArmNum': event.arm,
      'redcap:ArmName': design.arms.find((arm) => arm.number === event.arm)?.name ?? `Arm ${event.arm}`,
      'redcap:DayOffset': event.dayOffset,
      'redcap:OffsetMin': event.offsetMin,
      'redcap:OffsetMax': event.offsetMax,
    });
    const formRefs = design.forms
      .filter((_, form) => codebook.isDesignated(event, form))
      .map(
        (form, at) =>
          `<FormRef${attributes({ FormOID: `Form.${form.name}`, OrderNumber: at + 1, Mandatory: 'No', 'redcap:FormName': form.name })}/>`,
      );
    return `<StudyEventDef${own}>${formRefs.join('')}</StudyEventDef>\n`;
  });
  return `<Protocol>${refs.join('')}</Protocol>\n${definitions.join('')}`;
}

const isoDatetime = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d(:\d\d)?)$/;

/** Which data go into the XML, and how much of them (§2.18); null means all. */
export interface XmlDataOptions {
  records: ReadonlySet<string> | null;
  columns: ReadonlySet<Column> | null;
  events: ReadonlySet<ProjectEvent> | null;
  filter: RowFilter | null;
  surveyFields: boolean;
  dags: boolean;
  files: boolean;
  /** What the caller is told a record's id to be. */
  tell: (record: StoredRecord) => string;
}

function rowItems(
  project: Project,
  record: StoredRecord,
  row: StoredRow,
  form: number,
  first: boolean,
  o: XmlDataOptions,
): string {
  const { codebook } = project;
  let items = '';
  const item = (oid: string, value: string): string => `<ItemData${attributes({ ItemOID: oid, Value: value })}/>`;
  for (const column of codebook.columnsOfForm[form]!) {
    if (o.columns !== null && !o.columns.has(column)) continue;
    if (column.kind === 'id') items += item(column.name, o.tell(record));
    else if (column.kind === 'file') {
      const file = o.files ? project.files.get(row.get(column) ?? '') : undefined;
      if (file === undefined) continue;
      const own = { ItemOID: column.name, 'redcap:DocName': file.name, 'redcap:MimeType': file.type };
      items += `<ItemDataBase64Binary${attributes(own)}><![CDATA[${file.data}]]></ItemDataBase64Binary>`;
    } else {
      const value = row.get(column) ?? (column.kind === 'checkbox' && row.holds(form) ? '0' : '');
      if (value !== '') items += item(column.name, value.replace(isoDatetime, '$1T$2'));
    }
  }
  if (first && o.dags && record.dag !== '') items += item('redcap_data_access_group', record.dag);
  if (o.surveyFields && row.survey?.identifier !== undefined && first)
    items += item('redcap_survey_identifier', row.survey.identifier);
  const name = codebook.form(form).name;
  const timestamp = o.surveyFields ? row.survey?.timestamps[name] : undefined;
  if (timestamp !== undefined) items += item(`${name}_timestamp`, timestamp);
  return items;
}

function* clinicalData(project: Project, o: XmlDataOptions): Generator<string> {
  const { codebook, design } = project;
  for (const record of project.data.sorted()) {
    if (o.records !== null && !o.records.has(record.id)) continue;
    let subject = `<SubjectData${attributes({ SubjectKey: o.tell(record), 'redcap:RecordIdField': design.recordIdField })}>\n`;
    let first = true;
    let shown = o.filter === null;
    for (const row of record.rows) {
      if (!codebook.isShown(row.event) || (o.events !== null && !o.events.has(row.event))) continue;
      if (o.filter !== null && !o.filter(record, row)) continue;
      let visit = '';
      const formsOfRow = row.form >= 0 ? [row.form] : design.forms.map((_, form) => form);
      for (const form of formsOfRow) {
        const holdsId = form === codebook.idColumn.form && row.form < 0;
        if (!row.holds(form) && !holdsId) continue;
        const items = rowItems(project, record, row, form, first, o);
        first = false;
        if (items === '') continue;
        const key = row.form >= 0 ? row.instance : 1;
        const name = codebook.form(form).name;
        visit += `<FormData${attributes({ FormOID: `Form.${name}`, FormRepeatKey: key })}><ItemGroupData ItemGroupOID="" ItemGroupRepeatKey="1">${items}</ItemGroupData></FormData>\n`;
      }
      if (visit === '') continue;
      shown = true;
      const eventKey = row.form < 0 && row.instance > 0 ? row.instance : 1;
      subject += design.longitudinal
        ? `<StudyEventData${attributes({ StudyEventOID: `Event.${row.event.uniqueName}`, StudyEventRepeatKey: eventKey, 'redcap:UniqueEventName': row.event.uniqueName })}>${visit}</StudyEventData>\n`
        : visit;
    }
    if (shown) yield `${subject}</SubjectData>\n`;
  }
}

/**
 * The project as REDCap's XML (§6), in chunks; `data` null leaves the data out. `at` is wall time of the server, `version`
 * REDCap's.
 */
export function* writeProjectXml(
  project: Project,
  o: { data: XmlDataOptions | null; at: string; version: string },
): Generator<string> {
  const { design } = project;
  const stamp = o.at.replace(' ', 'T');
  const oid = `Project.${design.settings.title.replace(/[^A-Za-z0-9]/g, '')}`;
  yield '<?xml version="1.0" encoding="UTF-8" ?>\n';
  yield `<ODM${attributes({
    xmlns: 'http://www.cdisc.org/ns/odm/v1.3',
    'xmlns:redcap': 'https://projectredcap.org',
    ODMVersion: '1.3.1',
    FileOID: '000-00-0000',
    FileType: 'Snapshot',
    Description: design.settings.title,
    AsOfDateTime: stamp,
    CreationDateTime: stamp,
    SourceSystem: 'REDCap',
    SourceSystemVersion: o.version,
  })}>\n<Study${attributes({ OID: oid })}>\n`;
  yield globalVariables(project);
  yield `<MetaDataVersion${attributes({ OID: `Metadata.${oid}`, Name: design.settings.title, 'redcap:RecordIdField': design.recordIdField })}>\n`;
  yield eventDefs(project);
  yield* forms(project);
  yield '</MetaDataVersion>\n</Study>\n';
  if (o.data !== null) {
    yield `<ClinicalData${attributes({ StudyOID: oid, MetaDataVersionOID: `Metadata.${oid}` })}>\n`;
    yield* clinicalData(project, o.data);
    yield '</ClinicalData>\n';
  }
  yield '</ODM>\n';
}
