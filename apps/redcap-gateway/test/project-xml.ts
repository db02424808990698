import { parseChoices } from '@studybridge/field-mapping';
import { studyById, type DictionaryField } from '@studybridge/studies';

const escape = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const xmlType = (field: DictionaryField) =>
  ({ dropdown: 'select', notes: 'textarea' })[field.field_type] ?? field.field_type;
const xmlValidation = (validation: string) => ({ integer: 'int', number: 'float' })[validation] ?? validation;

/** iSMILE's project as REDCap project XML, without records; `change` alters its dictionary, `surveys` are open to participants. */
export function ismileXml(
  o: { title?: string; surveys?: string[]; change?: (fields: DictionaryField[]) => DictionaryField[] } = {},
): string {
  const { main } = studyById('ismile').projects;
  const fields = (o.change ?? ((all) => all))(main.dictionary.map((field) => ({ ...field })));
  const forms = [...new Set(fields.map((field) => field.form_name))];
  const arms = new Map(main.arms.map((arm) => [arm.number, arm.name]));
  const events = main.events.map(
    (event) =>
      `<StudyEventDef OID="Event.${event.uniqueName}" Name="${escape(event.name)}" Type="Common" Repeating="No" redcap:EventName="${escape(event.name)}" redcap:UniqueEventName="${event.uniqueName}" redcap:ArmNum="${event.armNumber}" redcap:ArmName="${escape(arms.get(event.armNumber) ?? '')}" redcap:DayOffset="${event.dayOffset}">${main.mapping
        .filter((row) => row.event === event.uniqueName)
        .map((row) => `<FormRef FormOID="Form.${row.instrument}" redcap:FormName="${row.instrument}"/>`)
        .join('')}</StudyEventDef>`,
  );
  const formDefs = forms.map(
    (form) =>
      `<FormDef OID="Form.${form}" Name="${form}" Repeating="No" redcap:FormName="${form}"><ItemGroupRef ItemGroupOID="${form}.all" Mandatory="No"/></FormDef>`,
  );
  const groups = forms.map(
    (form) =>
      `<ItemGroupDef OID="${form}.all" Name="${form}" Repeating="No">${fields
        .filter((field) => field.form_name === form)
        .map((field) => `<ItemRef ItemOID="${field.field_name}" Mandatory="No" redcap:Variable="${field.field_name}"/>`)
        .join('')}</ItemGroupDef>`,
  );
  const items = fields.map(
    (field) =>
      `<ItemDef OID="${field.field_name}" Name="${field.field_name}" DataType="text" Length="999" redcap:Variable="${field.field_name}" redcap:FieldType="${xmlType(field)}" redcap:TextValidationType="${xmlValidation(field.text_validation_type_or_show_slider_number)}"${field.identifier === 'y' ? ' redcap:Identifier="y"' : ''}><Question><TranslatedText>${escape(field.field_label)}</TranslatedText></Question><CodeListRef CodeListOID="${field.field_name}.choices"/></ItemDef>`,
  );
  const lists = fields
    .filter((field) => ['radio', 'dropdown'].includes(field.field_type))
    .map(
      (field) =>
        `<CodeList OID="${field.field_name}.choices" Name="${field.field_name}" DataType="text" redcap:Variable="${field.field_name}">${[
          ...parseChoices(field),
        ]
          .map(
            ([code, label]) =>
              `<CodeListItem CodedValue="${escape(code)}"><Decode><TranslatedText>${escape(label)}</TranslatedText></Decode></CodeListItem>`,
          )
          .join('')}</CodeList>`,
    );
  const repeating = main.repeating
    .map(
      (row) =>
        `<redcap:RepeatingInstruments><redcap:RepeatingInstrument redcap:UniqueEventName="${row.event}" redcap:RepeatInstrument="${row.instrument}" redcap:CustomLabel=""/></redcap:RepeatingInstruments>`,
    )
    .join('');
  const surveys = (o.surveys ?? []).map(
    (form) => `<redcap:Surveys form_name="${form}" title="${form}" survey_enabled="1"/>`,
  );
  const title = escape(o.title ?? main.title);
  return `<?xml version="1.0" encoding="UTF-8"?><ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org" ODMVersion="1.3.1" FileType="Snapshot"><Study OID="Project.Test"><GlobalVariables><StudyName>${title}</StudyName><ProtocolName>${title}</ProtocolName><redcap:SurveysEnabled>${Number(surveys.length > 0)}</redcap:SurveysEnabled><redcap:RepeatingInstrumentsAndEvents>${repeating}</redcap:RepeatingInstrumentsAndEvents><redcap:SurveysGroup>${surveys.join('')}</redcap:SurveysGroup></GlobalVariables><MetaDataVersion OID="Metadata.Test" Name="Test" redcap:RecordIdField="record_id">${[...events, ...formDefs, ...groups, ...items, ...lists].join('')}</MetaDataVersion></Study></ODM>`;
}
