import type { z } from 'zod';
import { serviceDatabaseUrl } from '../database/database-url';
import { rememberSecret } from '../logging/scrub-text';
import { parseUrl } from './parse-url';
import { secretOf, valueOf, type Environment } from './read-environment';
import { SettingsError, type Complaint } from './settings-error';

/** Secrets that every service has. */
const kitSecrets = ['DATABASE_URL', 'STUDY_KEYS', 'OPS_TOKEN'];

/** The name of a service inside the name of a setting or database: `redcap-gateway` → `REDCAP_GATEWAY`. */
function settingPart(service: string): string {
  return service.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
}

/** The environment with secrets resolved from their files and DATABASE_URL pointing at the service's own database. */
function resolveEnvironment(
  env: Environment,
  service: string,
  secrets: readonly string[],
  complaints: Complaint[],
): Environment {
  const own = `DATABASE_URL_${settingPart(service)}`;
  const resolved: Environment = {};
  for (const name of Object.keys(env)) resolved[name] = valueOf(env, name);
  for (const name of new Set([...kitSecrets, ...secrets, own])) resolved[name] = secretOf(env, name, complaints);
  const shared = ['DATABASE_URL', 'DATABASE_URL_FILE'].find((name) => valueOf(env, name) !== undefined);
  const specific = [own, `${own}_FILE`].find((name) => valueOf(env, name) !== undefined);
  if (shared !== undefined && specific !== undefined) {
    complaints.push({ sentence: `Both ${shared} and ${specific} are set.`, remedy: 'Keep one of the two.' });
  } else {
    const url = resolved[own] ?? resolved['DATABASE_URL'];
    if (url !== undefined) {
      const effective = serviceDatabaseUrl(service, url, resolved[own] !== undefined);
      if (effective === null) {
        complaints.push({
          sentence: `${specific ?? shared ?? own} is not the address of a PostgreSQL server.`,
          remedy: 'Write it as postgres://user:password@host:port, with special characters percent-encoded.',
        });
      } else {
        resolved['DATABASE_URL'] = effective;
        rememberPassword(effective);
      }
    }
  }
  return resolved;
}

/** Short ones are left out: they are words that logs need. */
function rememberPassword(url: string): void {
  const password = decodeURIComponent(parseUrl(url)?.password ?? '');
  if (password.length >= 12) rememberSecret(password);
}

function describeIssue(issue: z.core.$ZodIssue, env: Environment): Complaint {
  const name = issue.path.map(String).join('.') || 'The settings';
  const missing = issue.path.length === 1 && env[String(issue.path[0])] === undefined;
  if (missing && issue.code === 'invalid_type') {
    return { sentence: `${name} is missing.`, remedy: `Set ${name}.` };
  }
  if (issue.code === 'invalid_type') {
    return { sentence: `${name} is not of the right kind.`, remedy: `Give a value of the kind: ${issue.expected}.` };
  }
  if (issue.code === 'custom') return { sentence: `${name}: ${issue.message}`, remedy: `Correct ${name}.` };
  if (issue.code === 'invalid_value') {
    return { sentence: `${name} has a value that is not allowed.`, remedy: `Use one of: ${issue.values.join(', ')}.` };
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    return { sentence: `${name} is out of range.`, remedy: `Use ${bound}.` };
  }
  if (issue.code === 'invalid_format') {
    return { sentence: `${name} does not have the form of: ${issue.format}.`, remedy: `Correct ${name}.` };
  }
  return { sentence: `${name} is not valid (${issue.code}).`, remedy: `Correct ${name}.` };
}

/**
 * Like {@link readSettings}, but hands the complaints back, so that a service can name what is wrong with all of its
 * schemas and bindings at once.
 */
export function collectSettings<S extends z.ZodType>(
  schema: S,
  env: Environment,
  o: { service: string; secrets: readonly string[] },
): { value: z.infer<S> | undefined; complaints: Complaint[] } {
  const complaints: Complaint[] = [];
  const resolved = resolveEnvironment(env, o.service, o.secrets, complaints);
  const told = new Set(complaints.flatMap((complaint) => complaint.sentence.match(/[A-Z][A-Z0-9_]{2,}/g) ?? []));
  const result = schema.safeParse(resolved);
  if (!result.success) {
    for (const issue of result.error.issues) {
      // A secret whose file could not be read is missing as a consequence; one complaint is enough.
      const name = String(issue.path[0]);
      if (told.has(name) || told.has(`${name}_FILE`) || told.has(`${name}_${settingPart(o.service)}`)) continue;
      complaints.push(describeIssue(issue, resolved));
    }
  }
  return { value: result.success ? result.data : undefined, complaints };
}

/**
 * The settings of a service from its environment: one Zod schema, every complaint at once, no value ever shown. A name in
 * `secrets` may come from NAME or from the file that NAME_FILE names. DATABASE_URL in the result is the address of the
 * service's own database. Throws {@link SettingsError}.
 */
export function readSettings<S extends z.ZodType>(
  schema: S,
  env: Environment,
  o: { service: string; secrets: readonly string[] },
): z.infer<S> {
  const { value, complaints } = collectSettings(schema, env, o);
  if (complaints.length > 0 || value === undefined) throw new SettingsError(o.service, complaints);
  return value;
}
