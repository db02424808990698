import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Report } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { formatted, type Answer } from '../http/answer';
import type { Call } from '../http/call';
import { exportRecords, readRecordsQuery, type RecordsAsked, type RecordsQuery } from './export-records';
import { readFilterLogic } from './filter-logic';

/** The report a call names. Throws REDCap's refusal when the project has none of that id. */
function reportNamed(project: Project, params: Params): Report {
  const id = params.get('report_id');
  if (id === '') throw new ApiError(400, messages.parameterMissing('report_id'));
  const report = project.design.reports.find((candidate) => String(candidate.id) === id);
  if (report === undefined) throw new ApiError(400, messages.reportUnknown(id));
  return report;
}

/** What a report shows as a query of records: its own columns in its own order, its filter, its options (§2.19). */
function reportQuery(report: Report, asked: RecordsAsked): RecordsQuery {
  const { project, user, at } = asked;
  const { codebook } = project;
  const base = readRecordsQuery(asked);
  const may = new Set(base.columns);
  const columns = report.fields.flatMap((field) => codebook.columnsByField.get(field) ?? []).filter((c) => may.has(c));
  const events = report.filterEvents.flatMap((name) => codebook.eventByName.get(name) ?? []);
  const groups = new Set(report.filterDags);
  const logic =
    report.logic.trim() === '' ? null : readFilterLogic(report.logic, codebook, { now: at, user: user.username });
  return {
    ...base,
    columns,
    withId: columns.some((column) => column.kind === 'id'),
    events: events.length === 0 ? null : new Set(events),
    filter:
      groups.size === 0 ? logic : (record, row) => groups.has(record.dag) && (logic === null || logic(record, row)),
    wholeRecords: report.filterType === 'RECORD',
    surveyFields: report.outputSurveyFields,
    dagColumn: report.outputDags && user.dag === '' && project.design.dags.length > 0,
    combineCheckboxes: report.combineCheckboxes,
    withoutLineBreaks: report.removeLineBreaks,
    order: report.order.flatMap(({ field, descending }) => {
      const column = codebook.columnByName.get(field);
      return column === undefined ? [] : [{ column, descending }];
    }),
  };
}

/** A report in the asked format, always flat (§2.19). */
export function exportReport(call: Call): { answer: Answer; title: string } {
  const { project, params, missingRows } = call;
  const report = reportNamed(project, params);
  const format = params.format();
  const query = reportQuery(report, call);
  const body = exportRecords(project, query, { format, type: 'flat', delimiter: params.delimiter(), missingRows });
  return { answer: formatted(format, body), title: report.title };
}
