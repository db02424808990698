import { XMLParser } from 'fast-xml-parser';

/** All values of one record by field; in iSMILE no field that matters here stands in two events of arm 1. */
export type Values = Record<string, string>;

interface Node {
  '@_SubjectKey'?: string;
  '@_ItemOID'?: string;
  '@_Value'?: string;
  [child: string]: unknown;
}

/** The records in a project XML's clinical data, by record number. */
export function readRecords(xml: string): Map<string, Values> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    parseAttributeValue: false,
    htmlEntities: true,
    isArray: (name) => ['SubjectData', 'StudyEventData', 'FormData', 'ItemGroupData', 'ItemData'].includes(name),
  });
  const parsed = parser.parse(xml) as { ODM: { ClinicalData?: Node | '' } };
  const clinical = parsed.ODM.ClinicalData;
  const records = new Map<string, Values>();
  if (clinical === undefined || clinical === '') return records;
  for (const subject of children(clinical, 'SubjectData')) {
    const values: Values = {};
    for (const item of itemsBelow(subject)) values[item['@_ItemOID'] ?? ''] = item['@_Value'] ?? '';
    records.set(subject['@_SubjectKey'] ?? '', values);
  }
  return records;
}

function itemsBelow(subject: Node): Node[] {
  return children(subject, 'StudyEventData')
    .flatMap((event) => children(event, 'FormData'))
    .flatMap((form) => children(form, 'ItemGroupData'))
    .flatMap((group) => children(group, 'ItemData'));
}

function children(node: Node, name: string): Node[] {
  return (node[name] as Node[] | undefined) ?? [];
}
