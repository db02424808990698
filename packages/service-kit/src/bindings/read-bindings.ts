import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { isSchedule } from '../jobs/next-instant';
import { parseUrl } from '../settings/parse-url';
import { readSecretFile, secretOf, valueOf, type Environment } from '../settings/read-environment';
import { SettingsError, type Complaint } from '../settings/settings-error';
import { parseStudyKeys } from '../sealing/study-keys';
import type { Binding, Need } from './binding';

const name = z.string().regex(/^[a-z][a-z0-9-]*$/, 'not a name of lower-case letters, digits and dashes');
const address = z
  .string()
  .refine((text) => isOutsideAddress(text), 'not an http or https address without user, password and query');
const zone = z.string().refine((text) => isSchedule('* * * * *', text), 'not an IANA time zone');
const schedule = z
  .strictObject({ cron: z.string(), zone: z.string() })
  .refine(({ cron, zone }) => isSchedule(cron, zone), 'not a cron expression in an IANA time zone');
const instant = z.iso.datetime({ offset: true, error: 'not an instant such as 2018-09-01T00:00:00Z' });

/** The YAML file. Secrets stand in files or in the environment, never in it. */
const fileSchema = z.strictObject({
  bindings: z
    .array(
      z.strictObject({
        study: name,
        environment: name,
        goLiveAt: instant.nullish(),
        projects: z
          .record(
            name,
            z.strictObject({
              url: address,
              tokenFile: z.string().optional(),
              tokenEnv: z.string().optional(),
              expect: z
                .strictObject({
                  projectId: z.int().positive().optional(),
                  title: z.string().optional(),
                  production: z.boolean().optional(),
                })
                .optional(),
              serverZone: zone.optional(),
            }),
          )
          .default({}),
        agileHealth: z
          .strictObject({ url: address, keyFile: z.string().optional(), keyEnv: z.string().optional() })
          .optional(),
        jobs: z
          .record(name, z.strictObject({ on: z.boolean().optional(), schedules: z.array(schedule).optional() }))
          .default({}),
      }),
    )
    .min(1),
});

function isOutsideAddress(text: string): boolean {
  const url = parseUrl(text);
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === ''
  );
}

/**
 * The bindings of a service: from the YAML file that BINDINGS_FILE names, else the one that the environment describes
 * (REDCAP_URL, REDCAP_TOKEN_<STUDY>, AGILE_HEALTH_URL, AGILE_HEALTH_KEY, GO_LIVE_AT, STUDYBRIDGE_ENVIRONMENT). Only the
 * parts in `needs` are read, tokens included (law 5). Without a token's name to tell the study, it is that of STUDIES or of
 * the study keys. Throws {@link SettingsError} with every complaint at once.
 */
export function readBindings(env: Environment, o: { needs?: readonly Need[] } = {}): Binding[] {
  const { value, complaints } = collectBindings(env, o.needs ?? ['redcap', 'agileHealth']);
  if (complaints.length > 0) throw new SettingsError('Studybridge', complaints);
  return value;
}

/** Like {@link readBindings}, but hands the complaints back. */
export function collectBindings(
  env: Environment,
  needs: readonly Need[],
): { value: Binding[]; complaints: Complaint[] } {
  const complaints: Complaint[] = [];
  const file = valueOf(env, 'BINDINGS_FILE');
  const value = file === undefined ? fromEnvironment(env, needs, complaints) : fromFile(file, env, needs, complaints);
  return { value, complaints };
}

function fromFile(file: string, env: Environment, needs: readonly Need[], complaints: Complaint[]): Binding[] {
  for (const also of ['REDCAP_URL', 'AGILE_HEALTH_URL', 'GO_LIVE_AT']) {
    if (valueOf(env, also) !== undefined) {
      complaints.push({ sentence: `Both BINDINGS_FILE and ${also} are set.`, remedy: 'Keep one of the two.' });
    }
  }
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    const line = (error as { linePos?: { line: number }[] }).linePos?.[0]?.line;
    complaints.push({
      sentence: `BINDINGS_FILE: ${file} cannot be read as YAML (${code}${line === undefined ? '' : `, line ${line}`}).`,
      remedy: 'Correct the file or its path.',
    });
    return [];
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) complaints.push(describeIssue(file, issue));
    return [];
  }
  const seen = new Set<string>();
  return parsed.data.bindings.map((entry) => {
    const id = `${entry.study}.${entry.environment}`;
    if (seen.has(id)) {
      complaints.push({ sentence: `${file} has the binding ${id} twice.`, remedy: 'Keep one of the two.' });
    }
    seen.add(id);
    const secret = (what: string, fromFile: string | undefined, fromEnv: string | undefined): string => {
      const where = `${id} ${what}`;
      if ((fromFile === undefined) === (fromEnv === undefined)) {
        const remedy = `Name the file that holds it (${what}File) or the environment variable (${what}Env).`;
        complaints.push({ sentence: `${where} must come from one place.`, remedy });
        return '';
      }
      if (fromFile !== undefined) return readSecretFile(where, fromFile, complaints) ?? '';
      const variable = fromEnv ?? '';
      const before = complaints.length;
      const value = secretOf(env, variable, complaints);
      if (value === undefined && complaints.length === before) {
        complaints.push({ sentence: `${where}: ${variable} is not set.`, remedy: `Set ${variable}.` });
      }
      return value ?? '';
    };
    const binding: Binding = {
      id,
      study: entry.study,
      environment: entry.environment,
      goLiveAt: entry.goLiveAt == null ? null : new Date(entry.goLiveAt),
      projects: {},
      jobs: entry.jobs,
    };
    if (needs.includes('redcap')) {
      for (const [role, project] of Object.entries(entry.projects)) {
        const { tokenFile, tokenEnv, ...rest } = project;
        binding.projects[role] = { ...rest, token: secret('token', tokenFile, tokenEnv) };
      }
    }
    if (needs.includes('agileHealth') && entry.agileHealth !== undefined) {
      const { url, keyFile, keyEnv } = entry.agileHealth;
      binding.agileHealth = {
        url: partnerAddress(url, `${file}: ${id}`, complaints),
        key: secret('key', keyFile, keyEnv),
      };
    }
    return binding;
  });
}

function fromEnvironment(env: Environment, needs: readonly Need[], complaints: Complaint[]): Binding[] {
  const environment = valueOf(env, 'STUDYBRIDGE_ENVIRONMENT') ?? 'production';
  if (!name.safeParse(environment).success) {
    const remedy = 'Use lower-case letters, digits and dashes, e.g. production.';
    complaints.push({ sentence: 'STUDYBRIDGE_ENVIRONMENT is not a name.', remedy });
  }
  const tokens = tokenNames(env);
  const studies = studiesOf(env, tokens);
  // Keys that are none are complained of where all settings are read.
  const keysBroken =
    tokens.length === 0 && ['STUDY_KEYS', 'STUDY_KEYS_FILE'].some((key) => valueOf(env, key) !== undefined);
  if (studies.length === 0 && needs.length > 0 && !keysBroken) {
    const remedy = needs.includes('redcap')
      ? 'Set REDCAP_TOKEN_<STUDY> or its file, or BINDINGS_FILE.'
      : 'Set STUDIES (e.g. ismile), or BINDINGS_FILE.';
    complaints.push({ sentence: 'No study is named.', remedy });
  }
  const redcapUrl = needs.includes('redcap') ? requiredAddress(env, 'REDCAP_URL', complaints) : '';
  const agile = needs.includes('agileHealth')
    ? {
        url: partnerAddress(requiredAddress(env, 'AGILE_HEALTH_URL', complaints), 'AGILE_HEALTH_URL', complaints),
        key: requiredSecret(env, 'AGILE_HEALTH_KEY', complaints),
      }
    : undefined;
  const goLive = valueOf(env, 'GO_LIVE_AT');
  if (goLive !== undefined && !instant.safeParse(goLive).success) {
    complaints.push({ sentence: 'GO_LIVE_AT is not an instant.', remedy: 'Write it as 2018-09-01T00:00:00Z.' });
  }
  return studies.map((study) => ({
    id: `${study}.${environment}`,
    study,
    environment,
    goLiveAt: goLive === undefined ? null : new Date(goLive),
    projects: (needs.includes('redcap')
      ? { main: { url: redcapUrl, token: requiredSecret(env, tokenName(study), complaints) } }
      : {}) as Binding['projects'],
    ...(agile === undefined ? {} : { agileHealth: agile }),
    jobs: {},
  }));
}

const tokenPrefix = 'REDCAP_TOKEN_';

function tokenName(study: string): string {
  return tokenPrefix + study.toUpperCase().replaceAll('-', '_');
}

function tokenNames(env: Environment): string[] {
  return Object.keys(env).filter((key) => key.startsWith(tokenPrefix) && valueOf(env, key) !== undefined);
}

function studiesOf(env: Environment, tokens: readonly string[]): string[] {
  const named = (valueOf(env, 'STUDIES') ?? '').split(',').map((study) => study.trim());
  const fromTokens = tokens.map((token) =>
    token
      .slice(tokenPrefix.length)
      .replace(/_FILE$/, '')
      .toLowerCase()
      .replaceAll('_', '-'),
  );
  const first = [named, fromTokens].find((list) => list.some((study) => study !== ''));
  const studies = first ?? Object.keys(parseStudyKeys(secretOf(env, 'STUDY_KEYS', []) ?? '') ?? {});
  return [...new Set(studies)].filter((study) => name.safeParse(study).success).sort();
}

function requiredAddress(env: Environment, key: string, complaints: Complaint[]): string {
  const value = valueOf(env, key);
  if (value === undefined) complaints.push({ sentence: `${key} is missing.`, remedy: `Set ${key}.` });
  else if (!isOutsideAddress(value)) {
    const remedy = 'Write it as https://host/path, without user, password and query.';
    complaints.push({ sentence: `${key} is not an http or https address.`, remedy });
  }
  return value ?? '';
}

function requiredSecret(env: Environment, key: string, complaints: Complaint[]): string {
  const before = complaints.length;
  const value = secretOf(env, key, complaints);
  if (value === undefined && complaints.length === before) {
    complaints.push({ sentence: `${key} is missing.`, remedy: `Set ${key} or ${key}_FILE.` });
  }
  return value ?? '';
}

/** The partner's address without a trailing slash; the version is ours to add. */
function partnerAddress(url: string, where: string, complaints: Complaint[]): string {
  const plain = url.replace(/\/+$/, '');
  if (plain.endsWith('/v1')) {
    complaints.push({ sentence: `${where}: the partner’s address ends in /v1.`, remedy: 'Leave /v1 out.' });
  }
  return plain;
}

function describeIssue(file: string, issue: z.core.$ZodIssue): Complaint {
  const where = `${file}: ${issue.path.map(String).join('.') || 'the file'}`;
  if (issue.code === 'unrecognized_keys') {
    const secrets = issue.keys.filter((key) => key === 'token' || key === 'key');
    return secrets.length > 0
      ? {
          sentence: `${where} holds a secret (${secrets.join(', ')}).`,
          remedy: 'Name a file that holds it (tokenFile, keyFile) or an environment variable (tokenEnv, keyEnv).',
        }
      : { sentence: `${where} has unknown keys: ${issue.keys.join(', ')}.`, remedy: 'Correct or remove them.' };
  }
  if (issue.code === 'invalid_type' || issue.code === 'too_small') {
    return {
      sentence: `${where} is missing or of the wrong kind.`,
      remedy: 'See the README for the form of the file.',
    };
  }
  return { sentence: `${where}: ${issue.message}.`, remedy: 'Correct it.' };
}
