import { createHash } from 'node:crypto';
import { Client, type QueryConfig } from 'pg';

const names = new Map<string, string>();

/**
 * A PostgreSQL client that prepares each statement once per connection. The services say the same few hundred statements
 * over and over (`/idle` alone asks thousands of times while a study is played), and reading and planning them anew costs
 * the server more than running them. Statements must not be built from values, or the list of names would grow.
 */
export class PreparedClient extends Client {
  // TypeORM's only two ways to ask: (text, values) and (text); everything else passes untouched.
  override query = ((...asked: unknown[]): unknown => {
    const [text, values, ...rest] = asked;
    const ask = Client.prototype.query as (...asked: unknown[]) => unknown;
    if (typeof text !== 'string' || !isPreparable(text)) return ask.apply(this, asked);
    if (values !== undefined && !Array.isArray(values)) return ask.apply(this, asked);
    const prepared: QueryConfig = { name: nameOf(text), text, ...(values === undefined ? {} : { values }) };
    return ask.call(this, prepared, ...rest);
  }) as Client['query'];
}

/** Several statements in one text cannot be prepared, and what is said once need not be. */
function isPreparable(text: string): boolean {
  return /^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\s/i.test(text) && !text.includes(';');
}

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `sb_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    names.set(text, name);
  }
  return name;
}
