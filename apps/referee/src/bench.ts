import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { benches } from './bench/benches';

/** `npm run bench [-- <name> …] [--scale 0.1]`: one JSON line per measured path; what happens meanwhile goes to standard error. */
async function main(args: string[]): Promise<number> {
  const names = args.filter((arg, index) => !arg.startsWith('--') && args[index - 1] !== '--scale');
  const at = args.indexOf('--scale');
  const scale = at === -1 ? 1 : Number(args[at + 1]);
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0 || !(scale > 0 && scale <= 1)) {
    process.stderr.write(
      `${unknown.length > 0 ? `There is no bench ${unknown.join(', ')}` : 'The scale is a number above 0, up to 1'}. ` +
        `Benches: ${benches.map((bench) => bench.name).join(', ')}.\n`,
    );
    return 2;
  }
  for (const bench of benches.filter((one) => names.length === 0 || names.includes(one.name))) {
    const folder = mkdtempSync(path.join(tmpdir(), 'studybridge-bench-'));
    const log = (line: string): void => void process.stderr.write(`${bench.name}: ${line}\n`);
    try {
      for (const line of await bench.run({ folder, scale, log })) process.stdout.write(`${JSON.stringify(line)}\n`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
