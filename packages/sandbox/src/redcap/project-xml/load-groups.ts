import type { Design, Randomization, Report, Rights, Role } from '../model';
import { noRights, rightKeys, type RightKey } from '../project';
import { codeOf } from '../server-ids';
import { attributeOf, descendants, type XmlNode } from './parse-xml';

/** The database's names of rights, which the XML uses, by the API's (§6.2). */
export const xmlRights: Partial<Record<RightKey, string>> = {
  logging: 'data_logging',
  stats_and_charts: 'graphical',
  manage_survey_participants: 'participants',
  data_quality_create: 'data_quality_design',
  lock_records: 'lock_record',
  lock_records_all_forms: 'lock_record_multiform',
  lock_records_customization: 'lock_record_customize',
};

/** `[form,1][other,0]` as a map. */
function formRights(text: string): Record<string, number> {
  const rights: Record<string, number> = {};
  for (const [, form, right] of text.matchAll(/\[([a-z0-9_]+),(\d{1,3})\]/g)) rights[form!] = Number(right);
  return rights;
}

const whole = (text: string): number => (/^\d{1,3}$/.test(text) ? Number(text) : 0);
const names = (text: string): string[] => text.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));

/** The roles of a project XML (§6.2); who has none of the instruments named has no right on it. */
export function loadRoles(
  globals: XmlNode | undefined,
  design: Design,
  projectId: number,
  roleId: () => number,
): Role[] {
  const known = new Set(design.forms.map((form) => form.name));
  const only = (rights: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(rights).filter(([form]) => known.has(form)));
  return nodes(globals, 'redcap:UserRoles').map((node) => {
    const rights: Rights = noRights(design.forms);
    for (const key of rightKeys) {
      rights[key] = whole(attributeOf(node, xmlRights[key] ?? key) || attributeOf(node, key));
    }
    Object.assign(rights.forms, only(formRights(attributeOf(node, 'data_entry'))));
    const tool = attributeOf(node, 'data_export_tool');
    if (tool !== '') for (const form of known) rights.forms_export[form] = whole(tool);
    Object.assign(rights.forms_export, only(formRights(attributeOf(node, 'data_export_instruments'))));
    const id = roleId();
    const uniqueName = attributeOf(node, 'unique_role_name') || `U-${codeOf(10, 'role', projectId, id)}`;
    return { id, uniqueName, label: attributeOf(node, 'role_name'), rights };
  });
}

/** The reports of a project XML (§6.2). */
export function loadReports(globals: XmlNode | undefined, reportId: () => number): Report[] {
  return nodes(globals, 'redcap:Reports').map((node): Report => {
    const on = (name: string): boolean => attributeOf(node, name) === '1';
    return {
      id: reportId(),
      title: attributeOf(node, 'title'),
      uniqueName: attributeOf(node, 'unique_report_name'),
      fields: names(attributeOf(node, 'redcap_reports_fields')),
      logic: attributeOf(node, 'advanced_logic') || attributeOf(node, 'limiter_logic'),
      filterType: attributeOf(node, 'filter_type') === 'RECORD' ? 'RECORD' : 'EVENT',
      removeLineBreaks: on('remove_line_breaks_in_values'),
      combineCheckboxes: on('combine_checkbox_values'),
      outputDags: on('output_dags'),
      outputSurveyFields: on('output_survey_fields'),
      filterDags: names(attributeOf(node, 'redcap_reports_filter_dags')),
      filterEvents: names(attributeOf(node, 'redcap_reports_filter_events')),
      order: [1, 2, 3].flatMap((n) => {
        const field = attributeOf(node, `orderby_field${n}`);
        return field === '' ? [] : [{ field, descending: attributeOf(node, `orderby_sort${n}`) === 'DESC' }];
      }),
    };
  });
}

/**
 * How a project XML randomises: target and strata, with their events. Results themselves are never in the file. Null when it
 * says nothing, or names a field that is not there.
 */
export function loadRandomization(
  globals: XmlNode | undefined,
  design: Design,
  randomizationId: () => number,
): Randomization | null {
  const [node] = nodes(globals, 'redcap:Randomization');
  const targetField = node === undefined ? '' : attributeOf(node, 'target_field');
  if (node === undefined || !design.fields.some((field) => field.name === targetField)) return null;
  const strata: Randomization['strata'] = [];
  for (let n = 1; n <= 15; n += 1) {
    const field = attributeOf(node, `source_field${n}`);
    if (field !== '') strata.push({ field, event: attributeOf(node, `source_event${n}`) });
  }
  return {
    id: randomizationId(),
    targetField,
    targetEvent: attributeOf(node, 'target_event'),
    strata,
    allocations: {},
  };
}

function nodes(globals: XmlNode | undefined, name: string): XmlNode[] {
  return globals === undefined ? [] : descendants(globals, name);
}
