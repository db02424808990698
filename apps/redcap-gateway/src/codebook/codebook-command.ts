import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { StudybridgeError } from '@studybridge/contracts';
import { createRedcapClient } from '@studybridge/redcap-client';
import type { CodebookSource } from '@studybridge/studies';
import axios from 'axios';
import { readFileSource, readLiveSource, renderCodebookFile } from './make-codebook';

const usage = `Writes a typed codebook of a REDCap project.

  npm run codebook -- --url https://redcap.example.org/api/ --token-file token.txt [--out codebook.ts]
  npm run codebook -- --dictionary dictionary.csv [--event-map event-map.csv] [--missing-data-codes 'NI, No information'] [--out codebook.ts]

--token-env NAME takes the token from the environment instead. Without --out the text goes to standard output.
`;

const timeoutMs = 120_000;

/**
 * `npm run codebook`: from a live project, or from a dictionary and an event map. Answers the text, and writes it where
 * `--out` says. Throws a StudybridgeError (setting) for arguments that make no sense or a token file that others may read.
 */
export async function codebookCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const options = readOptions(args);
  if (options.help) return usage;
  const source = await readSource(options, env);
  const text = renderCodebookFile(source);
  if (options.out === undefined) return text;
  writeFileSync(options.out, text);
  return `${options.out}: ${source.dictionary.length} fields, ${source.events.length} events\n`;
}

function readOptions(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        url: text,
        'token-file': text,
        'token-env': text,
        dictionary: text,
        'event-map': text,
        'missing-data-codes': text,
        out: text,
        help: { type: 'boolean' },
      },
    }).values;
  } catch {
    throw wrongUse('There is an argument that this command does not know.');
  }
}

async function readSource(options: ReturnType<typeof readOptions>, env: NodeJS.ProcessEnv): Promise<CodebookSource> {
  const { url, dictionary } = options;
  if ((url === undefined) === (dictionary === undefined)) throw wrongUse('Give either --url or --dictionary.');
  if (dictionary !== undefined) {
    return readFileSource(dictionary, options['event-map'] ?? null, options['missing-data-codes'] ?? '');
  }
  const token = readToken(options['token-file'], options['token-env'], env);
  return readLiveSource(createRedcapClient({ url: url!, token, http: axios.create(), timeoutMs }));
}

function readToken(file: string | undefined, name: string | undefined, env: NodeJS.ProcessEnv): string {
  if ((file === undefined) === (name === undefined)) throw wrongUse('Give either --token-file or --token-env.');
  if (file !== undefined && (statSync(file).mode & 0o077) !== 0) {
    throw wrongUse(`${file} may be read by others: take that right away (chmod 600).`);
  }
  const token = (file === undefined ? (env[name!] ?? '') : readFileSync(file, 'utf8')).trim();
  if (!/^[0-9A-Fa-f]{32}$/.test(token)) throw wrongUse('The token is not 32 hexadecimal characters.');
  return token;
}

function wrongUse(what: string): StudybridgeError {
  return new StudybridgeError(what, { code: 'WRONG_USE', errorClass: 'setting', remedy: usage });
}
