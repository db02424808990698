import type { DataSource } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';
import { noteFindings, type Finding } from './findings';
import { compareRights, type TokenRights } from './token-rights';

/** Notes that the server became another version. */
export async function noteVersion(
  db: DataSource,
  project: RedcapProject,
  o: { before: string | null; now: string; at: Date },
): Promise<void> {
  if (o.before === null || o.before === o.now) return;
  const sentence = `REDCap was version ${o.before} and is version ${o.now} now.`;
  await noteFindings(db, project, [{ code: 'VERSION_CHANGED', what: `${o.before} to ${o.now}`, sentence }], o.at);
}

/** Notes what became of the token's rights; a right that came back takes its finding away. */
export async function noteRights(
  db: DataSource,
  project: RedcapProject,
  o: { before: TokenRights | null; now: TokenRights; today: string; at: Date },
): Promise<void> {
  const news: Finding[] = [];
  const found = compareRights(o.before, o.now, o.today);
  // An account that was prolonged no longer ends then.
  await db.query(
    `DELETE FROM finding WHERE binding = $1 AND role = $2 AND code = 'RIGHTS_CHANGED' AND what LIKE 'expires:%'
        AND NOT what = ANY($3)`,
    [project.binding.id, project.role, found.map((finding) => finding.what)],
  );
  for (const finding of found) {
    const [, undone] = await db.query<[unknown[], number]>(
      `DELETE FROM finding WHERE binding = $1 AND role = $2 AND code = 'RIGHTS_CHANGED' AND what LIKE $3`,
      [project.binding.id, project.role, oppositeOf(finding.what)],
    );
    if (undone === 0) news.push(finding);
  }
  await noteFindings(db, project, news, o.at);
}

/** The finding that this one takes back, as a pattern. */
function oppositeOf(what: string): string {
  const like = what.replaceAll('_', '\\_');
  if (what === 'group:') return 'group:_%';
  if (like.endsWith(':lost')) return like.replace(/lost$/, 'gained');
  if (like.endsWith(':gained')) return like.replace(/gained$/, 'lost');
  return '';
}
