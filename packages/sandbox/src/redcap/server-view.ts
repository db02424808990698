import type { LogEntry } from './model';
import type { Project } from './project';

/** A project at a glance. */
export interface ProjectGlance {
  id: number;
  title: string;
  records: number;
  instruments: { name: string; label: string; survey: boolean }[];
  events: { uniqueName: string; title: string }[];
  tokens: { token: string; username: string }[];
}

/** One stored row of a record, in words. */
export interface RowGlance {
  event: string;
  instrument: string;
  instance: number;
  cells: [field: string, value: string][];
}

/** What whoever runs the server may look at without asking the API; costs no more than what is shown. */
export interface ServerView {
  glance(): ProjectGlance[];
  recordIds(projectId: number, from: number, count: number): string[];
  /** Null when there is no such record. */
  recordRows(projectId: number, record: string): RowGlance[] | null;
  /** The last lines of a project's log, newest first; of one record where it is named. */
  logLines(projectId: number, count: number, record?: string): LogEntry[];
}

/** A project at a glance, with the tokens that open it. */
export function glanceAt(project: Project, tokens: ProjectGlance['tokens']): ProjectGlance {
  const { design, codebook } = project;
  return {
    id: project.id,
    title: design.settings.title,
    records: project.data.size,
    instruments: design.forms.map(({ name, label, survey }) => ({ name, label, survey: survey !== undefined })),
    events: codebook.longitudinal
      ? design.events.map((event) => ({ uniqueName: event.uniqueName, title: codebook.eventTitle(event) }))
      : [],
    tokens,
  };
}

/** The rows of a record as they are stored. */
export function rowsOf(project: Project, id: string): RowGlance[] | null {
  const { codebook } = project;
  const rows = project.data.get(id)?.rows;
  if (rows === undefined) return null;
  return rows.map((row) => ({
    event: row.event.uniqueName,
    instrument: row.form < 0 ? '' : codebook.form(row.form).name,
    instance: row.instance,
    cells: codebook.columns.flatMap((column): [string, string][] => {
      const value = row.get(column);
      return value === undefined ? [] : [[column.name, value]];
    }),
  }));
}

/** The newest lines of a log; of one record where it is named. */
export function newestLines(log: readonly LogEntry[], count: number, record?: string): LogEntry[] {
  const lines: LogEntry[] = [];
  for (let i = log.length - 1; i >= 0 && lines.length < count; i -= 1) {
    if (record === undefined || log[i]!.record === record) lines.push(log[i]!);
  }
  return lines;
}
