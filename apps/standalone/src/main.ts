import path from 'node:path';
import { StudybridgeError } from '@studybridge/contracts';
import { DataFolder } from './data-folder';
import { readOptions, usage } from './options';
import { isPlayed } from './own-world';
import { Progress } from './progress';
import { runToRest, summaryOf } from './run-once';
import { startSystem, type System } from './system';
import { table } from './table';

/** The top of the work tree, three levels above `apps/standalone/dist`. */
const top = path.resolve(__dirname, '../../..');

async function main(): Promise<number> {
  const startedAt = performance.now();
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const progress = new Progress();
  const data = new DataFolder(process.env.STUDYBRIDGE_DATA ?? path.join(top, '.data'));
  const system = await startSystem({ options, env: process.env, data, progress });
  const abort = new AbortController();
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        abort.abort();
        resolve('interrupted');
      });
    }
  });
  try {
    const problems: string[] = [];
    const rest = runToRest(system, progress, abort.signal).catch(
      (error: unknown) => void problems.push(sentence(error)),
    );
    if ((await Promise.race([rest, interrupted])) === 'interrupted') return 130;
    const summary = await summaryOf(system, startedAt, problems);
    if (options.json && !options.once) console.log(JSON.stringify(summary));
    if (!options.json) console.log(`\n${table(summary)}\n`);
    if (options.once) {
      lastLine = options.json ? JSON.stringify(summary) : undefined;
      return summary.ok ? 0 : 1;
    }
    stayUp(system, progress);
    await interrupted;
    return 0;
  } finally {
    progress.step('stopping …');
    await system.stop();
  }
}

/** Printed after everything has stopped, so that it really is the last line. */
let lastLine: string | undefined;

function stayUp(system: System, progress: Progress): void {
  const addresses = [
    ...(system.worldUrl
      ? [
          `the sandbox's world (REDCap, Agile Health, clock)  ${system.worldUrl}/`,
          `the phones: what each received and sent  ${system.worldUrl}/handsets`,
          `the mailbox: what the operator was mailed  ${system.worldUrl}/mailbox`,
        ]
      : []),
    ...system.services.map((service) => `${service.name}: what it has done  ${service.url}/status`),
  ];
  progress.step(`Open:\n${addresses.map((line) => `  ${line}`).join('\n')}`);
  progress.step('Commands: npm run ops          Stop: Ctrl-C');
  if (system.world && isPlayed(system.own)) {
    system.world.run(60);
    progress.step('Time runs on, a minute of study time each second.');
  }
}

function sentence(error: unknown): string {
  if (error instanceof StudybridgeError) return `${error.message} ${error.remedy}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown error';
}

main().then(
  (code) => {
    if (lastLine) console.log(lastLine);
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`\nStudybridge cannot go on. ${sentence(error)}`);
    if (process.argv.includes('--json')) console.log(JSON.stringify({ ok: false, problems: [sentence(error)] }));
    process.exitCode = 1;
  },
);
