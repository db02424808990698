import { mimeOf } from '../files/mime';
import type { Project } from '../project';
import { child, childrenOf, type XmlNode } from './parse-xml';

/** Datetimes carry a `T` in the XML and a blank everywhere else (§6.6). */
const xmlDatetime = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(:\d\d)?)$/;

/**
 * Loads the clinical data of a project XML (§6.6) and answers how many records came. `keepCalcs` false leaves calculated
 * values out, as REDCap does for a project made through the API (§3.6). Values of unknown fields or events are passed over.
 */
export function loadData(odm: XmlNode, project: Project, at: string, keepCalcs: boolean, docId: () => number): number {
  const { codebook, data: store } = project;
  const keep = (name: string, item: XmlNode, embedded: boolean): string => {
    const id = docId();
    const type = mimeOf(name, item.attributes['redcap:MimeType'] ?? '');
    project.files.set(String(id), { id, name, type, data: embedded ? item.text.replace(/\s+/g, '') : '' });
    return String(id);
  };
  for (const subject of childrenOf(child(odm, 'ClinicalData'), 'SubjectData')) {
    const id = subject.attributes['SubjectKey'] ?? '';
    if (id === '') continue;
    const record = store.get(id) ?? store.create(id);
    record.touched.push(at);
    const visits = childrenOf(subject, 'StudyEventData');
    for (const visit of visits.length === 0 ? [subject] : visits) {
      const eventName = visit.attributes['redcap:UniqueEventName'];
      const event = eventName === undefined ? codebook.firstEvent : codebook.eventByName.get(eventName);
      if (event === undefined) continue;
      const eventInstance = Number(visit.attributes['StudyEventRepeatKey']) || 1;
      for (const formData of childrenOf(visit, 'FormData')) {
        const formName = (formData.attributes['FormOID'] ?? '').replace(/^Form\./, '');
        const form = codebook.formIndex.get(formName);
        if (form === undefined) continue;
        const formInstance = Number(formData.attributes['FormRepeatKey']) || 1;
        const repeats = codebook.repeatsAsForm(event, form);
        const row = repeats
          ? store.ensureRow(record, event, form, formInstance)
          : store.ensureRow(record, event, -1, codebook.repeatsAsEvent(event) ? eventInstance : 0);
        for (const group of childrenOf(formData, 'ItemGroupData')) {
          for (const item of group.children) {
            const oid = item.attributes['ItemOID'] ?? '';
            const embedded = item.name === 'ItemDataBase64Binary';
            const raw = embedded ? (item.attributes['redcap:DocName'] ?? 'file') : item.attributes['Value'];
            const value = (raw ?? '').replace(xmlDatetime, '$1 $2');
            if (value === '') continue;
            if (oid === 'redcap_data_access_group') record.dag = value;
            else if (oid === 'redcap_survey_identifier') (row.survey ??= { timestamps: {} }).identifier = value;
            else if (oid === `${formName}_timestamp` && !codebook.columnByName.has(oid)) {
              (row.survey ??= { timestamps: {} }).timestamps[formName] = value;
            } else {
              const column = codebook.columnByName.get(oid);
              if (column === undefined || column.kind === 'id' || column.form !== form) continue;
              if (column.kind === 'calc' && !keepCalcs) continue;
              if (column.kind === 'checkbox' && value !== '1' && !codebook.missingCodes.has(value)) continue;
              row.set(column, column.kind === 'file' ? keep(value, item, embedded) : value);
            }
          }
        }
      }
    }
    // A record of which the file says nothing but its name still counts.
    if (record.rows.length === 0) store.ensureRow(record, codebook.firstEvent, -1, 0);
  }
  return store.size;
}
