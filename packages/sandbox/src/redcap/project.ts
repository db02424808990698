import { Codebook } from './codebook';
import { DataStore, type StoredRecord, type StoredRow } from './data-store';
import type { Design, LogEntry, Rights, User } from './model';

/** A project as it lives on the server: design, data, users and log. */
export class Project {
  codebook: Codebook;
  data: DataStore;
  readonly users = new Map<string, User>();
  /** Oldest first. */
  readonly log: LogEntry[] = [];

  constructor(
    readonly id: number,
    readonly design: Design,
  ) {
    this.codebook = new Codebook(design);
    this.data = new DataStore(this.codebook);
  }

  /** Writes a line of the log; `at` is wall time of the server. */
  write(at: string, user: string, action: string, details: string, record = ''): void {
    // Newlines in details become blanks (§5).
    this.log.push({ at, user, action, details: details.replace(/[\r\n]+/g, ' '), record });
  }
}

/** All rights: what the creator of a project has (§6.7). */
export function allRights(forms: readonly { name: string }[]): Rights {
  const full = (): Record<string, number> => Object.fromEntries(forms.map((form) => [form.name, 1]));
  return {
    design: 1,
    alerts: 1,
    user_rights: 1,
    data_access_groups: 1,
    reports: 1,
    stats_and_charts: 1,
    manage_survey_participants: 1,
    calendar: 1,
    data_import_tool: 1,
    data_comparison_tool: 1,
    logging: 1,
    email_logging: 1,
    file_repository: 1,
    data_quality_create: 1,
    data_quality_execute: 1,
    api_export: 1,
    api_import: 1,
    api_modules: 1,
    mobile_app: 1,
    mobile_app_download_data: 1,
    record_create: 1,
    record_rename: 1,
    record_delete: 1,
    lock_records_all_forms: 1,
    lock_records: 1,
    lock_records_customization: 1,
    forms: full(),
    forms_export: full(),
  };
}

type StoredJson = [
  form: number,
  event: string,
  instance: number,
  cells: Record<string, string>,
  survey?: StoredRow['survey'],
];

interface RecordJson {
  id: string;
  dag?: string;
  locked?: true;
  touched: string[];
  rows: StoredJson[];
}

/** A project as plain JSON. */
export interface ProjectJson {
  id: number;
  design: Design;
  users: User[];
  log: [at: string, user: string, action: string, details: string, record: string][];
  records: RecordJson[];
}

function rowJson(project: Project, row: StoredRow): StoredJson {
  const cells: Record<string, string> = {};
  for (const column of project.codebook.columns) {
    const value = row.get(column);
    if (value !== undefined) cells[column.name] = value;
  }
  const json: StoredJson = [row.form, row.event.uniqueName, row.instance, cells];
  if (row.survey !== undefined) json.push(structuredClone(row.survey));
  return json;
}

function recordJson(project: Project, record: StoredRecord): RecordJson {
  return {
    id: record.id,
    ...(record.dag === '' ? {} : { dag: record.dag }),
    ...(record.locked ? { locked: true as const } : {}),
    touched: [...record.touched],
    rows: record.rows.map((row) => rowJson(project, row)),
  };
}

/** The whole state of a project, nothing shared with it. */
export function projectToJson(project: Project): ProjectJson {
  return {
    id: project.id,
    design: structuredClone(project.design),
    users: structuredClone([...project.users.values()]),
    log: project.log.map((entry) => [entry.at, entry.user, entry.action, entry.details, entry.record]),
    records: project.data.sorted().map((record) => recordJson(project, record)),
  };
}

/** The project that `projectToJson` described. */
export function projectFromJson(json: ProjectJson): Project {
  const project = new Project(json.id, structuredClone(json.design));
  for (const user of json.users) project.users.set(user.username, structuredClone(user));
  for (const [at, user, action, details, record] of json.log) project.log.push({ at, user, action, details, record });
  for (const stored of json.records) {
    const record = project.data.create(stored.id);
    record.dag = stored.dag ?? '';
    record.locked = stored.locked ?? false;
    record.touched.push(...stored.touched);
    for (const [form, eventName, instance, cells, survey] of stored.rows) {
      const event = project.codebook.eventByName.get(eventName);
      if (event === undefined) continue;
      const row = project.data.ensureRow(record, event, form, instance);
      for (const [name, value] of Object.entries(cells)) {
        const column = project.codebook.columnByName.get(name);
        if (column !== undefined) row.set(column, value);
      }
      if (survey !== undefined) row.survey = structuredClone(survey);
    }
  }
  return project;
}
