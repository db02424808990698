import type { Report, Role } from '../model';
import { rightKeys, type Project } from '../project';
import { xmlAttributes } from '../xml-text';
import { xmlRights } from './load-groups';

const pairs = (rights: Record<string, number>): string =>
  Object.entries(rights)
    .map(([form, right]) => `[${form},${right}]`)
    .join('');

function roleElement(role: Role): string {
  const rights = rightKeys.map((key) => [xmlRights[key] ?? key, role.rights[key]]);
  return `<redcap:UserRoles${xmlAttributes({
    role_name: role.label,
    unique_role_name: role.uniqueName,
    ...(Object.fromEntries(rights) as Record<string, number>),
    data_entry: pairs(role.rights.forms),
    data_export_instruments: pairs(role.rights.forms_export),
  })}/>`;
}

function reportElement(report: Report, at: number): string {
  const order = [0, 1, 2].map((n) => report.order[n]);
  return `<redcap:Reports${xmlAttributes({
    title: report.title,
    unique_report_name: report.uniqueName,
    report_order: at + 1,
    combine_checkbox_values: Number(report.combineCheckboxes),
    output_dags: Number(report.outputDags),
    output_survey_fields: Number(report.outputSurveyFields),
    remove_line_breaks_in_values: Number(report.removeLineBreaks),
    ...Object.fromEntries(
      order.flatMap((entry, n) => [
        [`orderby_field${n + 1}`, entry?.field ?? ''],
        [`orderby_sort${n + 1}`, entry === undefined ? '' : entry.descending ? 'DESC' : 'ASC'],
      ]),
    ),
    advanced_logic: report.logic,
    filter_type: report.filterType,
    redcap_reports_fields: report.fields.join(','),
    redcap_reports_filter_dags: report.filterDags.join(','),
    redcap_reports_filter_events: report.filterEvents.join(','),
  })}/>`;
}

/** Roles, reports and randomisation of a project as elements of its XML, by group. */
export function groupElements(project: Project): [group: string, elements: string[]][] {
  const { reports, randomization } = project.design;
  const randomizations =
    randomization === null
      ? []
      : [
          `<redcap:Randomization${xmlAttributes({
            target_field: randomization.targetField,
            target_event: randomization.targetEvent,
            ...Object.fromEntries(
              randomization.strata.flatMap(({ field, event }, n) => [
                [`source_field${n + 1}`, field],
                [`source_event${n + 1}`, event],
              ]),
            ),
          })}/>`,
        ];
  return [
    ['UserRolesGroup', project.roles.map(roleElement)],
    ['ReportsGroup', reports.map(reportElement)],
    ['RandomizationGroup', randomizations],
  ];
}
