import { createHash } from 'node:crypto';

/** The counters from which a server numbers its things; plain JSON. */
export interface ServerIds {
  project: number;
  event: number;
  dag: number;
  role: number;
  doc: number;
  folder: number;
  report: number;
  randomization: number;
}

/** Where a fresh server begins to count: nowhere near 1, so that nobody takes an id for a position. */
export const firstIds: Readonly<ServerIds> = {
  project: 13,
  event: 40,
  dag: 20,
  role: 7,
  doc: 26,
  folder: 101,
  report: 60,
  randomization: 1,
};

/** Letters and digits that belong to a place for ever: survey codes, role names. The same place gives the same text. */
export function codeOf(length: number, ...place: (string | number)[]): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  const digest = createHash('sha256').update(JSON.stringify(place)).digest();
  let code = '';
  for (let i = 0; i < length; i += 1) code += alphabet[digest[i]! % alphabet.length];
  return code;
}
