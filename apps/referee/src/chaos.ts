import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/registry';

const usage = `npm run chaos [-- options]

  --pairs 850       families in the made-up study (default 120)
  --messages 5000   texts (default 600), in the scenarios about texts
  --per-second 100  segments a second that their sender may send
  --kills 60        how often a service is killed or frozen (default 20)
  --seed 1          which families, which faults and when
  --scenario NAME   ${scenarios.map(({ name, about }) => `${name}: ${about}`).join('\n                    ')}
  --off NAMES       take guards away: inbox-drop, outbox-transaction, relay-lock, epoch-check, look-up;
                    of texts: letter-note, positive-only (separated by commas)
  --help            this text

The last line of standard output is a verdict in JSON; the exit code is 0 when every count in it that must be 0 is 0.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '120' },
      messages: { type: 'string', default: '600' },
      'per-second': { type: 'string', default: '100' },
      kills: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      scenario: { type: 'string', default: scenarios[0]?.name },
      off: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const scenario = scenarios.find(({ name }) => name === values.scenario);
  if (scenario === undefined) throw new Error(`There is no scenario ${values.scenario}.\n\n${usage}`);
  const began = Date.now();
  const verdict = await scenario.run({
    pairs: wholeNumber('pairs', values.pairs, 1),
    messages: wholeNumber('messages', values.messages, 1),
    perSecond: wholeNumber('per-second', values['per-second'], 1),
    kills: wholeNumber('kills', values.kills, 0),
    seed: wholeNumber('seed', values.seed, 0),
    off: values.off.split(',').filter((name) => name !== ''),
    tell: (line) =>
      process.stderr.write(`${String(Math.round((Date.now() - began) / 1_000)).padStart(4)} s  ${line}\n`),
  });
  console.log(JSON.stringify(verdict));
  process.exitCode = verdict.ok ? 0 : 1;
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} must be a whole number from ${least} on.`);
  return number;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
