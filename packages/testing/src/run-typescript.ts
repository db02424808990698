import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

/** A process of its own, to be watched and killed. */
export interface Child {
  process: ChildProcess;
  /** What it has written so far to its standard output. */
  out(): string;
  /** What it has written so far to its standard error. */
  errors(): string;
  /** Its end, whichever it is: an exit code, or the signal that killed it, with all it wrote to its standard error. */
  over: Promise<{ code: number | null; signal: string | null; errors: string }>;
}

/**
 * Runs a TypeScript file, as it is and over the sources of all rooms, in a process of its own, with `env` in place of this
 * process's environment. Whoever starts it ends it.
 */
export function runTypeScript(script: string, args: string[] = [], env?: Record<string, string | undefined>): Child {
  const hook = path.join(__dirname, 'load-typescript.cjs');
  const child = spawn(process.execPath, ['-C', '@studybridge/source', '-r', hook, script, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const over: Child['over'] = new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, errors })),
  );
  return { process: child, out: () => out, errors: () => errors, over };
}
