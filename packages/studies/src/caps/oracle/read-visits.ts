import { XMLParser } from 'fast-xml-parser';

/** The values of one event, all forms that do not repeat; the SMS log apart, by instance (0 where it does not repeat). */
export interface Visit {
  values: Record<string, string>;
  log: Map<number, Record<string, string>>;
}

interface Node {
  [name: string]: unknown;
}

/** What a project XML holds: by record, by unique event name; and whether its SMS log repeats. */
export function readVisits(xml: string): { repeating: boolean; records: Map<string, Map<string, Visit>> } {
  const lists = ['SubjectData', 'StudyEventData', 'FormData', 'ItemGroupData', 'ItemData'];
  const parser = new XMLParser({
    ignoreAttributes: false,
    parseAttributeValue: false,
    htmlEntities: true,
    isArray: (name) => lists.includes(name),
  });
  const { ODM } = parser.parse(xml) as { ODM: { ClinicalData: Node } };
  const repeating = xml.includes('redcap:RepeatInstrument="sms_survey_log"');
  const records = new Map<string, Map<string, Visit>>();
  for (const subject of below(ODM.ClinicalData, 'SubjectData')) {
    const visits = new Map<string, Visit>();
    for (const event of below(subject, 'StudyEventData')) {
      const visit = newVisit();
      visits.set(String(event['@_redcap:UniqueEventName']), visit);
      for (const form of below(event, 'FormData')) {
        const values = valuesOf(form);
        if (form['@_FormOID'] !== 'Form.sms_survey_log') Object.assign(visit.values, values);
        else visit.log.set(repeating ? Number(form['@_FormRepeatKey']) : 0, values);
      }
    }
    records.set(String(subject['@_SubjectKey']), visits);
  }
  return { repeating, records };
}

/** An event that holds nothing. */
export function newVisit(): Visit {
  return { values: {}, log: new Map() };
}

function valuesOf(form: Node): Record<string, string> {
  const items = below(form, 'ItemGroupData').flatMap((group) => below(group, 'ItemData'));
  return Object.fromEntries(items.map((item) => [String(item['@_ItemOID']), String(item['@_Value'])]));
}

function below(node: Node, name: string): Node[] {
  return (node[name] as Node[] | undefined) ?? [];
}
