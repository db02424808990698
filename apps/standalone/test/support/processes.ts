import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The top of the work tree. */
export const top = path.resolve(__dirname, '../../../..');

/** What a finished process said. */
export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A process of ours, with what it has said so far. */
export interface Running {
  child: ChildProcess;
  output(): string;
  finished: Promise<Finished>;
}

/** Settings of the surrounding shell that would change what a test sees. */
const ours =
  /^(REDCAP_|AGILE_HEALTH_|DATABASE_URL|KAFKA_BROKERS|STUDY_|STUDIES|STUDYBRIDGE_|TWILIO_|SMTP_|MAIL_|SENDERS|SENDING|OPERATOR_|JOB_|REPLIES_|WEBHOOKS|PUBLIC_BASE_URL|OPS_|GO_LIVE_AT|BINDINGS_FILE|PORT$|SANDBOX_PORT|SANDBOX_PUBLIC_URL)/;

/** Starts `node <script>` with a clean set of our settings plus the given ones. */
export function startNode(script: string, args: string[], env: Record<string, string>): Running {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  const child = spawn(process.execPath, [path.join(top, script), ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, finished, output: () => stdout + stderr };
}

/** `npm start -- <args>` without the preparation, to its end. */
export async function runStandalone(args: string[], env: Record<string, string>): Promise<Finished> {
  return startNode('apps/standalone/dist/main.js', args, env).finished;
}

/** The JSON object on the last line of standard output. */
export function lastJson<T>(finished: Finished): T {
  const last = finished.stdout.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(last) as T;
}

/** A folder that is gone after the tests. */
export function temporaryFolder(): { folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'studybridge-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
