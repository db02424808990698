import { StudybridgeError } from '@studybridge/contracts';

/** Splits `jobs run name=x` or `jobs.run name=x` into the command and the rest. Throws a `setting` error for an unknown command. */
export function findCommand(words: string[], known: string[]): { command: string; rest: string[] } {
  for (const length of [1, 2]) {
    const command = words.slice(0, length).join('.');
    if (known.includes(command)) return { command, rest: words.slice(length) };
  }
  throw new StudybridgeError(`No service knows the command "${words.join(' ')}".`, {
    code: 'UNKNOWN_COMMAND',
    errorClass: 'setting',
    remedy: `Known: ${[...new Set(known)].sort().join(', ')}.`,
  });
}

/** `name=value` pairs; `true`, `false` and whole numbers become what they look like. Throws a `setting` error for a word without `=`. */
export function parseArguments(words: string[]): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) {
      throw new StudybridgeError(`"${word}" is not of the form name=value.`, {
        code: 'COMMAND_LINE',
        errorClass: 'setting',
        remedy: 'Write arguments as name=value, for example name=redcap-poll.',
      });
    }
    args[word.slice(0, at)] = parseValue(word.slice(at + 1));
  }
  return args;
}

function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}
