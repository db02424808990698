import { asList, parse, readLine, readList, sendForNumber, toFlatRow } from './answers';
import type { CallControl, RedcapWire } from './call';
import { RedcapBadAnswerError } from './errors';
import type { FlatRow } from './read-csv';
import { logRowSchema, projectSchema, type LogRow, type ProjectInfo } from './types';

/** Settings of a project that can be changed through the API (redcap-api.md §2.17); flags as booleans. */
export type ProjectSettings = Partial<
  Omit<
    ProjectInfo,
    | 'project_id'
    | 'creation_time'
    | 'production_time'
    | 'in_production'
    | 'has_repeating_instruments_or_events'
    | 'ddp_enabled'
    | 'missing_data_codes'
    | 'external_modules'
  >
>;

/** A project to be made with a super token. */
export interface NewProject {
  project_title: string;
  /** 0 practice, 1 other (then `purpose_other`), 2 research, 3 quality improvement, 4 operational support. */
  purpose: 0 | 1 | 2 | 3 | 4;
  purpose_other?: string;
  project_notes?: string;
  is_longitudinal?: boolean;
  surveys_enabled?: boolean;
  record_autonumbering_enabled?: boolean;
}

/** What goes into the XML: by default the structure and everything the token may read. */
export interface ProjectXmlQuery {
  returnMetadataOnly?: boolean;
  records?: readonly string[];
  fields?: readonly string[];
  events?: readonly string[];
  exportSurveyFields?: boolean;
  exportDataAccessGroups?: boolean;
  exportFiles?: boolean;
  filterLogic?: string;
}

/** Which lines of the log. */
export interface LogQuery {
  logtype?:
    | 'record'
    | 'record_add'
    | 'record_edit'
    | 'record_delete'
    | 'export'
    | 'manage'
    | 'user'
    | 'lock_record'
    | 'page_view';
  record?: string;
  user?: string;
  dag?: string;
  /** The server's wall time, to the minute. Large logs without a beginning make REDCap time out. */
  beginTime?: string;
  endTime?: string;
}

/** Which report, and how its values are written. */
export interface ReportQuery {
  reportId: number;
  rawOrLabel?: 'raw' | 'label';
  exportCheckboxLabel?: boolean;
  decimalCharacter?: '.' | ',';
}

/** The project as a whole, its log and its reports (redcap-api.md §2.17 to §2.19, §2.21, §2.22). */
export interface ProjectMethods {
  project(control?: CallControl): Promise<ProjectInfo>;
  /** Answers how many settings REDCap took. */
  importProjectSettings(settings: ProjectSettings, control?: CallControl): Promise<number>;
  /** The project as REDCap's own XML. */
  projectXml(query?: ProjectXmlQuery, control?: CallControl): Promise<string>;
  /** Makes a project, from its XML where one is given; answers its token. Needs a super token. Never repeated. */
  createProject(project: NewProject, odm?: string, control?: CallControl): Promise<string>;
  version(control?: CallControl): Promise<string>;
  /** Newest first. Needs the right to the log. */
  log(query: LogQuery, control?: CallControl): Promise<LogRow[]>;
  /** A report's rows, its own columns. */
  report(query: ReportQuery, control?: CallControl): Promise<FlatRow[]>;
}

/** The methods over one wire. */
export function projectMethods(wire: RedcapWire): ProjectMethods {
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : String(value));
  return {
    async project(control) {
      const answer = await wire.json(
        { content: 'project', format: 'json', returnFormat: 'json' },
        { action: 'export', control },
      );
      const row: unknown = Array.isArray(answer) ? answer[0] : answer;
      if (typeof row === 'object' && row !== null) {
        const unknown = Object.keys(row).filter((name) => !(name in projectSchema.shape));
        wire.unknownNames('project', unknown);
      }
      return parse(projectSchema, row);
    },

    importProjectSettings: (settings, control) =>
      sendForNumber(
        wire,
        { content: 'project_settings', format: 'json', data: JSON.stringify(withNumbers(settings)) },
        'import',
        control,
      ),

    async projectXml(query = {}, control) {
      const xml = await wire.text(
        {
          content: 'project_xml',
          returnMetadataOnly: flag(query.returnMetadataOnly),
          records: query.records,
          fields: query.fields,
          events: query.events,
          exportSurveyFields: flag(query.exportSurveyFields),
          exportDataAccessGroups: flag(query.exportDataAccessGroups),
          exportFiles: flag(query.exportFiles),
          filterLogic: query.filterLogic,
          returnFormat: 'json',
        },
        { expected: 'text', action: 'export', control },
      );
      if (!/<ODM[\s>]/.test(xml) || !/<\/ODM>\s*$/.test(xml)) {
        throw new RedcapBadAnswerError('REDCap’s answer was cut off or empty.', 'REDCAP_TRUNCATED');
      }
      return xml;
    },

    async createProject(project, odm, control) {
      const data = JSON.stringify([withNumbers(project)]);
      const params = { content: 'project', format: 'json', returnFormat: 'json', data, odm };
      const body = await wire.text(params, { expected: 'text', action: 'create', control });
      // A server that was seen prints something else before the token (§2.17).
      const token = /[0-9A-F]{32}$/i.exec(body.trim())?.[0];
      if (token === undefined) throw new RedcapBadAnswerError('REDCap told no token.', 'REDCAP_SHAPE');
      return token;
    },

    async version(control) {
      return readLine(wire, { content: 'version' }, { shape: /^\d+(\.\d+)+$/, what: 'version', control });
    },

    log: (query, control) => readList(wire, { content: 'log', ...query }, logRowSchema, { control }),

    report: async (query, control) => {
      const answer = await wire.json(
        {
          content: 'report',
          format: 'json',
          returnFormat: 'json',
          report_id: String(query.reportId),
          rawOrLabel: query.rawOrLabel ?? 'raw',
          exportCheckboxLabel: flag(query.exportCheckboxLabel),
          decimalCharacter: query.decimalCharacter,
        },
        { action: 'export', control },
      );
      return asList(answer).map(toFlatRow);
    },
  };
}

/** REDCap takes flags as 0 and 1. */
function withNumbers(row: object): object {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'boolean' ? Number(value) : value,
    ]),
  );
}
