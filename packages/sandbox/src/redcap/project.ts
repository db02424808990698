import { Codebook } from './codebook';
import { DataStore, type StoredRecord, type StoredRow } from './data-store';
import type { Design, Folder, LogEntry, Rights, Role, StoredFile, User } from './model';

/** The rights that are one number each, in the order of the users export (§2.14). */
export const rightKeys = [
  'design',
  'alerts',
  'user_rights',
  'data_access_groups',
  'reports',
  'stats_and_charts',
  'manage_survey_participants',
  'calendar',
  'data_import_tool',
  'data_comparison_tool',
  'logging',
  'email_logging',
  'file_repository',
  'data_quality_create',
  'data_quality_execute',
  'api_export',
  'api_import',
  'api_modules',
  'mobile_app',
  'mobile_app_download_data',
  'record_create',
  'record_rename',
  'record_delete',
  'lock_records_all_forms',
  'lock_records',
  'lock_records_customization',
  'mycap_participants',
  'random_setup',
  'random_dashboard',
  'random_perform',
] as const;

/** One of `rightKeys`. */
export type RightKey = (typeof rightKeys)[number];

/** A survey of one record: what its link and its codes are made of. */
export interface SurveyPlace {
  record: string;
  event: string;
  form: string;
  /** 0 where nothing repeats. */
  instance: number;
}

/** A project as it lives on the server: design, data, users and log. */
export class Project {
  codebook: Codebook;
  data: DataStore;
  readonly users = new Map<string, User>();
  readonly roles: Role[] = [];
  /** Files of fields and of the repository, by doc id as a cell holds it. */
  readonly files = new Map<string, StoredFile>();
  readonly folders: Folder[] = [];
  readonly shelved = new Map<number, number>();
  /** Where survey links and codes lead that were given out or looked up; found again when asked for. */
  readonly surveyPlaces = new Map<string, SurveyPlace>();
  /** Oldest first. */
  readonly log: LogEntry[] = [];

  constructor(
    readonly id: number,
    readonly design: Design,
  ) {
    this.codebook = new Codebook(design);
    this.data = new DataStore(this.codebook);
  }

  /** The user with the rights that count: those of the role where there is one. */
  effective(user: User): User {
    const role = user.role === '' ? undefined : this.roles.find((candidate) => candidate.uniqueName === user.role);
    return role === undefined ? user : { ...user, rights: role.rights };
  }

  /** Writes a line of the log; `at` is wall time of the server. */
  write(at: string, user: string, action: string, details: string, record = ''): void {
    // Each newline in details becomes a blank (§5).
    this.log.push({ at, user, action, details: details.replace(/\r\n|\r|\n/g, ' '), record });
  }
}

/** All rights: what the creator of a project has (§6.7). */
export function allRights(forms: readonly { name: string }[]): Rights {
  return rightsOf(forms, 1);
}

/** No right but to be there: what a user has who was only named. */
export function noRights(forms: readonly { name: string }[]): Rights {
  return rightsOf(forms, 0);
}

function rightsOf(forms: readonly { name: string }[], value: 0 | 1): Rights {
  const each = (): Record<string, number> => Object.fromEntries(forms.map((form) => [form.name, value]));
  const keys = Object.fromEntries(rightKeys.map((key) => [key, value])) as Record<RightKey, number>;
  return { ...keys, forms: each(), forms_export: each() };
}

/** A user that has just been named: nobody's group, no role, the given rights. */
export function newUser(username: string, rights: Rights): User {
  return { username, email: '', firstname: '', lastname: '', expiration: '', dag: '', dags: [], role: '', rights };
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
  roles: Role[];
  files: StoredFile[];
  folders: Folder[];
  /** The file repository: which file lies in which folder (0 the top). */
  shelved: [file: number, folder: number][];
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

/** Fills a project's store; what the design no longer has a place for is left out. */
function fill(project: Project, records: readonly RecordJson[], dropEmpty: boolean): void {
  for (const stored of records) {
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
    if (dropEmpty && record.rows.length === 0) project.data.delete(record.id);
  }
}

/** The whole state of a project, nothing shared with it. */
export function projectToJson(project: Project): ProjectJson {
  return {
    id: project.id,
    design: structuredClone(project.design),
    users: structuredClone([...project.users.values()]),
    log: project.log.map((entry) => [entry.at, entry.user, entry.action, entry.details, entry.record]),
    records: project.data.sorted().map((record) => recordJson(project, record)),
    roles: structuredClone(project.roles),
    files: [...project.files.values()].map((file) => ({ ...file })),
    folders: structuredClone(project.folders),
    shelved: [...project.shelved],
  };
}

/** The project that `projectToJson` described. */
export function projectFromJson(json: ProjectJson): Project {
  const project = new Project(json.id, structuredClone(json.design));
  for (const user of json.users) project.users.set(user.username, structuredClone(user));
  for (const [at, user, action, details, record] of json.log) project.log.push({ at, user, action, details, record });
  project.roles.push(...structuredClone(json.roles));
  for (const file of json.files) project.files.set(String(file.id), { ...file });
  project.folders.push(...structuredClone(json.folders));
  for (const [file, folder] of json.shelved) project.shelved.set(file, folder);
  fill(project, json.records, false);
  return project;
}

/**
 * Changes a project's design, and carries the data over: by name, so that what has no place any more is gone and what
 * stayed is where it was. `renamed` says old and new unique names of events.
 */
export function restructure(
  project: Project,
  change: (design: Design) => void,
  renamed: ReadonlyMap<string, string> = new Map(),
): void {
  const records = project.data.sorted().map((record) => recordJson(project, record));
  change(project.design);
  project.codebook = new Codebook(project.design);
  project.data = new DataStore(project.codebook);
  const { codebook } = project;
  for (const record of records) {
    const rows = new Map<string, StoredJson>();
    const rowAt = (form: number, event: string, instance: number): StoredJson => {
      const key = `${form}\n${event}\n${instance}`;
      let row = rows.get(key);
      if (row === undefined) rows.set(key, (row = [form, event, instance, {}]));
      return row;
    };
    for (const [form, eventName, instance, cells, survey] of record.rows) {
      const name = renamed.get(eventName) ?? eventName;
      const event = codebook.eventByName.get(name);
      if (event === undefined) continue;
      // What repeats now and did not before becomes the first instance; what ceases to repeat keeps its first.
      const number = Math.max(instance, 1);
      const whole = codebook.repeatsAsEvent(event) ? number : 0;
      const base = form < 0 && (whole > 0 || number === 1) ? rowAt(-1, name, whole) : undefined;
      if (base !== undefined && survey !== undefined) base[4] = survey;
      for (const [field, value] of Object.entries(cells)) {
        const column = codebook.columnByName.get(field);
        if (column === undefined) continue;
        if (codebook.repeatsAsForm(event, column.form)) {
          const row = rowAt(column.form, name, number);
          row[3][field] = value;
          if (survey !== undefined) row[4] ??= survey;
        } else if (whole > 0 || number === 1) rowAt(-1, name, whole)[3][field] = value;
      }
    }
    record.rows = [...rows.values()];
  }
  fill(project, records, true);
}
