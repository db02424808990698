import type { Project } from '../project';

/**
 * The next free record id (§2.5): one above the highest whole number; `<dag id>-<n>` for a user of a group; 1 where no
 * id is a number.
 */
export function nextRecordName(project: Project, dag: string): string {
  const group = project.design.dags.find((candidate) => candidate.uniqueName === dag);
  const prefix = group === undefined ? '' : `${group.id}-`;
  let highest = 0;
  for (const record of project.data.sorted()) {
    if (!record.id.startsWith(prefix)) continue;
    const rest = record.id.slice(prefix.length);
    if (/^\d{1,15}$/.test(rest) && Number(rest) > highest) highest = Number(rest);
  }
  return `${prefix}${highest + 1}`;
}
