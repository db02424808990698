import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Rights } from '../model';
import { rightKeys, type Project, type RightKey } from '../project';
import { atLeast } from '../version';
import type { SentItem } from './parse-structure';

/** The version that brought a right into the exports (§2.14, §9). */
const since: Partial<Record<RightKey, string>> = { api_modules: '14.0.3', email_logging: '14.4.0' };

/** The rights a server of this version tells of a project; those of randomisation only where it is on. */
export function toldRights(project: Project, version: string): RightKey[] {
  const { randomizationEnabled } = project.design.settings;
  return rightKeys.filter((key) => {
    if (key === 'mycap_participants') return false;
    if (key.startsWith('random_')) return randomizationEnabled && atLeast(version, '14.7.0');
    return since[key] === undefined || atLeast(version, since[key]);
  });
}

/** From 15.6 on a right on a form is a sum: 128 none, 129 read, 130 edit, + 8 survey answers, + 16 delete (§2.14). */
const modern: Record<number, number> = { 0: 128, 1: 130, 2: 129, 3: 138 };

/** Rights per instrument as a server of this version tells them. */
export function toldForms(rights: Rights, version: string): Record<string, number> {
  const sums = atLeast(version, '15.6.0');
  return Object.fromEntries(
    Object.entries(rights.forms).map(([form, right]) => {
      if (sums) return [form, modern[right] ?? right];
      if (right < 128) return [form, right];
      if ((right & 8) !== 0) return [form, 3];
      return [form, right & 2 ? 1 : right & 1 ? 2 : 0];
    }),
  );
}

function whole(text: string, right: string, of: string): number {
  if (text === '') return 0;
  if (!/^\d{1,3}$/.test(text)) throw new ApiError(400, messages.rightInvalid(right, of));
  return Number(text);
}

/**
 * Takes over the rights a client sent; what it did not send stays as it is. Unknown keys are passed over. Answers REDCap's
 * words for every unknown instrument, throws its refusal for a value that is no number. `kind` and `of` say whose they are.
 */
export function takeRights(
  project: Project,
  rights: Rights,
  item: SentItem,
  kind: 'user' | 'user role',
  of: string,
): string[] {
  for (const key of rightKeys) if (item.has(key)) rights[key] = whole(item.text(key), key, of);
  const faults: string[] = [];
  for (const name of ['forms', 'forms_export'] as const) {
    if (!item.has(name)) continue;
    const sent = item.map(name) ?? {};
    // Who is told rights on instruments has none on those left out (redcapAPI test-101).
    for (const form of project.design.forms) if (!Object.hasOwn(sent, form.name)) rights[name][form.name] = 0;
    for (const [form, text] of Object.entries(sent)) {
      if (!project.codebook.formIndex.has(form)) faults.push(messages.formOfRights(form, kind, of));
      else rights[name][form] = whole(text, `${name}:${form}`, of);
    }
  }
  // Before 12 there was one right to export for all instruments.
  if (item.has('data_export') && !item.has('forms_export')) {
    const right = whole(item.text('data_export'), 'data_export', of);
    for (const form of project.design.forms) rights.forms_export[form.name] = right;
  }
  return faults;
}
