import type { Design, Field, Form, ProjectEvent, ProjectSettings, Repeating } from '../model';
import { uniqueEventName, uniqueGroupName } from '../unique-names';
import { loadRandomization, loadReports } from './load-groups';
import {
  attributeOf as attribute,
  child,
  childrenOf,
  descendants,
  XmlUnreadableError,
  type XmlNode,
} from './parse-xml';

const fieldTypes: Record<string, string> = { select: 'dropdown', textarea: 'notes' };
const knownTypes = new Set(
  'text notes radio dropdown checkbox calc file yesno truefalse slider descriptive sql'.split(' '),
);
const validations: Record<string, string> = { int: 'integer', float: 'number' };

function translated(node: XmlNode | undefined): string {
  const formatted = child(node, 'redcap:FormattedTranslatedText');
  return (formatted ?? child(node, 'TranslatedText'))?.text ?? '';
}

function codeListChoices(list: XmlNode | undefined): string {
  const whole = attribute(list, 'redcap:CheckboxChoices');
  if (whole !== '') return whole;
  return childrenOf(list, 'CodeListItem')
    .map((item) => `${attribute(item, 'CodedValue')}, ${translated(child(item, 'Decode'))}`)
    .join('|');
}

function readField(
  item: XmlNode,
  form: string,
  sectionHeader: string,
  lists: ReadonlyMap<string, XmlNode>,
  mandatory: boolean,
): Field {
  const name = attribute(item, 'redcap:Variable') || attribute(item, 'OID');
  const xmlType = attribute(item, 'redcap:FieldType');
  const type = fieldTypes[xmlType] ?? xmlType;
  const validation = attribute(item, 'redcap:TextValidationType');
  const bounds = { GE: '', LE: '' };
  for (const check of childrenOf(item, 'RangeCheck')) {
    const comparator = attribute(check, 'Comparator');
    if (comparator === 'GE' || comparator === 'LE') bounds[comparator] = child(check, 'CheckValue')?.text ?? '';
  }
  const list = lists.get(attribute(child(item, 'CodeListRef'), 'CodeListOID'));
  let choices = '';
  if (type === 'radio' || type === 'dropdown' || type === 'checkbox' || type === 'sql') choices = codeListChoices(list);
  else if (type === 'calc') choices = attribute(item, 'redcap:Calculation');
  else if (type === 'slider') choices = attribute(item, 'redcap:SliderLabels');
  return {
    name,
    form,
    sectionHeader: attribute(item, 'redcap:SectionHeader') || sectionHeader,
    type,
    label: translated(child(item, 'Question')) || attribute(item, 'Name'),
    choices,
    note: attribute(item, 'redcap:FieldNote'),
    validation: validations[validation] ?? validation,
    min: bounds.GE,
    max: bounds.LE,
    identifier: attribute(item, 'redcap:Identifier') === 'y',
    branchingLogic: attribute(item, 'redcap:BranchingLogic'),
    required: attribute(item, 'redcap:RequiredField') === 'y' || mandatory,
    alignment: attribute(item, 'redcap:CustomAlignment'),
    questionNumber: attribute(item, 'redcap:QuestionNumber'),
    matrixGroup: attribute(item, 'redcap:MatrixGroupName'),
    matrixRanking: attribute(item, 'redcap:MatrixRanking'),
    annotation: attribute(item, 'redcap:FieldAnnotation'),
  };
}

function readSettings(study: XmlNode, creationTime: string): ProjectSettings {
  const globals = child(study, 'GlobalVariables');
  const setting = (name: string): string => child(globals, `redcap:${name}`)?.text.trim() ?? '';
  const flag = (name: string): boolean => setting(name) === '1';
  return {
    title:
      child(globals, 'StudyName')?.text.trim() || child(globals, 'ProtocolName')?.text.trim() || 'Untitled project',
    creationTime,
    productionTime: '',
    inProduction: false,
    language: 'English',
    purpose: Number(setting('Purpose')) || 0,
    purposeOther: setting('PurposeOther'),
    notes: setting('ProjectNotes'),
    customRecordLabel: setting('CustomRecordLabel'),
    secondaryUniqueField: setting('SecondaryUniqueField'),
    surveysEnabled: flag('SurveysEnabled'),
    schedulingEnabled: flag('SchedulingEnabled'),
    autonumbering: flag('RecordAutonumberingEnabled'),
    randomizationEnabled: flag('RandomizationEnabled'),
    surveyEmailField: setting('SurveyInvitationEmailField'),
    irbNumber: '',
    grantNumber: '',
    piFirstName: '',
    piLastName: '',
    piEmail: '',
    displayTodayNow: 1,
    bypassBranchingErase: 0,
    missingDataCodes: setting('MissingDataCodes'),
  };
}

function readEvents(metadata: XmlNode, nextEventId: () => number): Pick<Design, 'arms' | 'events' | 'mapping'> {
  const arms: Design['arms'] = [];
  const events: ProjectEvent[] = [];
  const mapping: Design['mapping'] = [];
  const taken = new Set<string>();
  for (const definition of childrenOf(metadata, 'StudyEventDef')) {
    const arm = Number(attribute(definition, 'redcap:ArmNum')) || 1;
    const name = attribute(definition, 'redcap:EventName') || attribute(definition, 'Name');
    const uniqueName = attribute(definition, 'redcap:UniqueEventName') || uniqueEventName(name, arm, taken);
    if (taken.has(uniqueName)) throw new XmlUnreadableError('The project XML defines an event twice.');
    taken.add(uniqueName);
    if (!arms.some((known) => known.number === arm)) {
      arms.push({ number: arm, name: attribute(definition, 'redcap:ArmName') || `Arm ${arm}` });
    }
    events.push({
      id: nextEventId(),
      uniqueName,
      name,
      arm,
      dayOffset: Number(attribute(definition, 'redcap:DayOffset')) || 0,
      offsetMin: Number(attribute(definition, 'redcap:OffsetMin')) || 0,
      offsetMax: Number(attribute(definition, 'redcap:OffsetMax')) || 0,
      customLabel: attribute(definition, 'redcap:CustomEventLabel'),
    });
    for (const ref of childrenOf(definition, 'FormRef')) {
      const form = attribute(ref, 'redcap:FormName') || attribute(ref, 'FormOID').replace(/^Form\./, '');
      mapping.push({ event: uniqueName, form });
    }
  }
  arms.sort((a, b) => a.number - b.number);
  return { arms, events, mapping };
}

function readForms(metadata: XmlNode): { forms: Form[]; fields: Field[] } {
  const items = new Map(childrenOf(metadata, 'ItemDef').map((item) => [attribute(item, 'OID'), item]));
  const groups = new Map(childrenOf(metadata, 'ItemGroupDef').map((group) => [attribute(group, 'OID'), group]));
  const lists = new Map(childrenOf(metadata, 'CodeList').map((list) => [attribute(list, 'OID'), list]));
  const forms: Form[] = [];
  const fields: Field[] = [];
  const seen = new Set<string>();
  for (const definition of childrenOf(metadata, 'FormDef')) {
    const name = attribute(definition, 'redcap:FormName') || attribute(definition, 'OID').replace(/^Form\./, '');
    if (forms.some((form) => form.name === name))
      throw new XmlUnreadableError('The project XML defines an instrument twice.');
    forms.push({ name, label: attribute(definition, 'Name') || name });
    for (const groupRef of childrenOf(definition, 'ItemGroupRef')) {
      const group = groups.get(attribute(groupRef, 'ItemGroupOID'));
      for (const ref of childrenOf(group, 'ItemRef')) {
        const item = items.get(attribute(ref, 'ItemOID'));
        // Without a field type it is a system value; `<form>_complete` is no row of the dictionary either (§6.4).
        if (item === undefined || attribute(item, 'redcap:FieldType') === '') continue;
        const variable = attribute(item, 'redcap:Variable') || attribute(item, 'OID');
        if (variable === `${name}_complete` || seen.has(variable)) continue;
        seen.add(variable);
        const field = readField(item, name, '', lists, attribute(ref, 'Mandatory') === 'Yes');
        if (!knownTypes.has(field.type))
          throw new XmlUnreadableError('The project XML has a field of an unknown type.');
        fields.push(field);
      }
    }
  }
  return { forms, fields };
}

/** Ids that a project gets from its server. */
interface IdSource {
  eventId(): number;
  dagId(): number;
  reportId(): number;
  randomizationId(): number;
}

/** How choices are written in the dictionary's export: as the file has them, or with blanks round the bars (§2.7). */
export type ChoiceSpacing = 'as-is' | 'blanks';

/**
 * The design in a project XML (CDISC ODM with REDCap's extension, §6). `creationTime` is wall time of the server. Throws
 * `XmlUnreadableError` when it is no such document.
 */
export function loadDesign(
  odm: XmlNode,
  ids: IdSource,
  creationTime: string,
  spacing: ChoiceSpacing = 'as-is',
): Design {
  const study = child(odm, 'Study');
  const metadata = child(study, 'MetaDataVersion');
  if (odm.name !== 'ODM' || study === undefined || metadata === undefined) {
    throw new XmlUnreadableError('The XML is not a REDCap project (no ODM with a Study and a MetaDataVersion).');
  }
  const { forms, fields } = readForms(metadata);
  if (fields.length === 0) throw new XmlUnreadableError('The project XML defines no field.');
  if (spacing === 'blanks') {
    for (const field of fields) {
      if (['radio', 'dropdown', 'checkbox'].includes(field.type))
        field.choices = field.choices.replace(/\s*\|\s*/g, ' | ');
    }
  }
  const settings = readSettings(study, creationTime);
  const read = readEvents(metadata, () => ids.eventId());
  const longitudinal = read.events.length > 0;
  const events = longitudinal
    ? read.events
    : [
        {
          id: ids.eventId(),
          uniqueName: 'event_1_arm_1',
          name: 'Event 1',
          arm: 1,
          dayOffset: 0,
          offsetMin: 0,
          offsetMax: 0,
          customLabel: '',
        },
      ];
  const arms = longitudinal ? read.arms : [{ number: 1, name: 'Arm 1' }];
  const known = new Set(forms.map((form) => form.name));
  const mapping = longitudinal
    ? read.mapping.filter((entry) => known.has(entry.form))
    : forms.map((form) => ({ event: events[0]!.uniqueName, form: form.name }));

  const repeating: Repeating[] = [];
  const globals = child(study, 'GlobalVariables');
  const onlyEvent = events[0]!.uniqueName;
  for (const entry of globals === undefined ? [] : descendants(globals, 'redcap:RepeatingEvent')) {
    repeating.push({ event: attribute(entry, 'redcap:UniqueEventName'), form: '', label: '' });
  }
  for (const entry of globals === undefined ? [] : descendants(globals, 'redcap:RepeatingInstrument')) {
    repeating.push({
      event: longitudinal ? attribute(entry, 'redcap:UniqueEventName') : onlyEvent,
      form: attribute(entry, 'redcap:RepeatInstrument'),
      label: attribute(entry, 'redcap:CustomLabel'),
    });
  }
  const dags: Design['dags'] = [];
  for (const group of globals === undefined ? [] : descendants(globals, 'redcap:DataAccessGroups')) {
    const name = attribute(group, 'group_name');
    if (name === '') continue;
    dags.push({ id: ids.dagId(), name, uniqueName: uniqueGroupName(name, new Set(dags.map((dag) => dag.uniqueName))) });
  }
  for (const survey of globals === undefined ? [] : descendants(globals, 'redcap:Surveys')) {
    const form = forms.find((candidate) => candidate.name === attribute(survey, 'form_name'));
    if (form !== undefined && attribute(survey, 'survey_enabled') !== '0') form.survey = attribute(survey, 'title');
  }
  const design: Design = {
    settings,
    longitudinal,
    // The record id is always the project's first field, whatever the attribute says.
    recordIdField: fields[0]!.name,
    forms,
    fields,
    arms,
    events,
    mapping,
    repeating: repeating.filter((entry) => events.some((event) => event.uniqueName === entry.event)),
    dags,
    reports: loadReports(globals, () => ids.reportId()),
    randomization: null,
  };
  design.randomization = loadRandomization(globals, design, () => ids.randomizationId());
  return design;
}
