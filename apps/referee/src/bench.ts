import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benches } from './bench/benches';

const usage = `npm run bench [-- options] [NAME …]

One JSON line per measured path, each a ratio to a floor of the same run; what happens meanwhile goes to standard error.

  NAME           only these: ${benches.map(({ name }) => name).join(', ')}
  --scale 0.1    a part of the full size (above 0, up to 1)
  --help         this text`;

async function main(): Promise<number> {
  const { values, positionals: names } = parseArgs({
    options: { scale: { type: 'string', default: '1' }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const scale = Number(values.scale);
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0 || !(scale > 0 && scale <= 1)) {
    const wrong = unknown.length > 0 ? `There is no bench ${unknown.join(', ')}.` : '--scale is above 0, up to 1.';
    process.stderr.write(`${wrong}\n\n${usage}\n`);
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

// What it started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
