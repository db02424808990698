import { parseUrl } from '../settings/parse-url';

/** The database of a service on a shared server: `redcap-gateway` → `studybridge_redcap_gateway`. */
function databaseNameOf(service: string): string {
  return `studybridge_${service.toLowerCase().replace(/[^a-z0-9]+/g, '_')}`;
}

/**
 * The address of a service's own database: a server's address gets the database `studybridge_<service>`; an address given
 * for the service alone (`own`) is taken as it stands. Null when it is no PostgreSQL address.
 */
export function serviceDatabaseUrl(service: string, url: string, own: boolean): string | null {
  const parsed = parseUrl(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol) || parsed.hostname === '') return null;
  if (!own || parsed.pathname === '' || parsed.pathname === '/') parsed.pathname = `/${databaseNameOf(service)}`;
  return parsed.href;
}

/** A database's address fit for a sentence: no user, no password. */
export function shownDatabase(url: string): string {
  const parsed = parseUrl(url);
  return parsed === null ? 'the database' : `${parsed.host}${decodeURIComponent(parsed.pathname)}`;
}
