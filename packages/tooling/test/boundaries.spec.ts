import { Linter } from 'eslint';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
// eslint-disable-next-line @typescript-eslint/no-require-imports
const { boundaryRules, existingRooms } = require('../boundaries') as {
  boundaryRules(folders?: string[]): Linter.Config[];
  existingRooms(): string[];
};

const root = path.resolve(__dirname, '../../..');
const parser = require('typescript-eslint').parser as Linter.Parser; // eslint-disable-line @typescript-eslint/no-require-imports
const linter = new Linter({ cwd: root });

/** What the boundaries say to one line of code in one file. */
function verdict(file: string, code: string, rooms = existingRooms()): string[] {
  const config = [{ files: ['**/*.{ts,js}'], languageOptions: { parser } }, ...boundaryRules(rooms)];
  return linter.verify(code, config, { filename: path.join(root, file) }).map(({ message }) => message);
}

const imports = (name: string) => `import { x } from '${name}'; x();`;

describe('boundaries', () => {
  it.each([
    ['apps/agile-health/src/enrol.ts', '@studybridge/redcap-gateway/module', 'Apps meet on the bus only'],
    ['apps/agile-health/src/enrol.ts', '@studybridge/standalone', 'Apps meet on the bus only'],
    ['apps/agile-health/test/enrol.spec.ts', '@studybridge/redcap-gateway/module', 'Apps meet on the bus only'],
    ['apps/standalone/src/system.ts', '@studybridge/agile-health', 'Only apps/standalone imports apps, by ./module'],
    [
      'apps/standalone/src/system.ts',
      '@studybridge/agile-health/main',
      'Only apps/standalone imports apps, by ./module',
    ],
    ['apps/agile-health/src/enrol.ts', '@studybridge/sandbox', 'stand-in'],
    ['apps/agile-health/src/enrol.ts', '@studybridge/testing', 'Test helpers are for tests'],
    ['apps/redcap-gateway/src/poll.ts', '@studybridge/embedded-postgres', 'DATABASE_URL'],
    ['packages/contracts/src/x.ts', '@studybridge/studies', 'may import of our own rooms only: none'],
    ['packages/contracts/src/x.ts', 'luxon', 'uses no library but zod'],
    ['packages/studies/src/x.ts', '@studybridge/service-kit', 'only: contracts, field-mapping'],
    ['packages/event-bus/src/x.ts', '@studybridge/effects', 'only: contracts, service-kit'],
    ['packages/sandbox/src/x.ts', '@studybridge/redcap-client', 'only: contracts, studies'],
    ['packages/redcap-client/src/x.ts', '@nestjs/common', 'works without @nestjs'],
    ['packages/effects/src/x.ts', '@studybridge/effects', 'by their path'],
    ['packages/effects/src/x.ts', '@studybridge/nowhere', 'only: contracts, service-kit'],
    ['packages/effects/src/x.ts', '../../../packages/contracts/src/cells', 'by its name'],
    ['apps/agile-health/src/x.ts', '../../../apps/sandbox/src/main', 'by its name'],
  ])('%s may not import %s', (file, name, sentence) => {
    expect(verdict(file, imports(name))).toEqual([expect.stringContaining(sentence)]);
    expect(verdict(file, `export * from '${name}';`)).toEqual([expect.stringContaining(sentence)]);
    expect(verdict(file, `import('${name}');`)).toEqual([expect.stringContaining(sentence)]);
    expect(verdict(file, `require('${name}');`)).toEqual([expect.stringContaining(sentence)]);
    expect(verdict(file, `type X = import('${name}').X;`)).toEqual([expect.stringContaining(sentence)]);
  });

  it.each([
    ['apps/agile-health/src/enrol.ts', '@studybridge/studies'],
    ['apps/agile-health/src/enrol.ts', '@studybridge/event-bus'],
    ['apps/agile-health/src/enrol.ts', './feature/thing'],
    ['apps/agile-health/src/enrol.ts', '@nestjs/common'],
    ['apps/agile-health/test/enrol.spec.ts', '@studybridge/testing'],
    ['apps/agile-health/test/harness.ts', '@studybridge/sandbox'],
    ['apps/standalone/src/system.ts', '@studybridge/agile-health/module'],
    ['apps/standalone/src/system.ts', '@studybridge/embedded-postgres'],
    ['apps/sandbox/src/main.ts', '@studybridge/sandbox'],
    ['packages/contracts/src/x.ts', 'zod'],
    ['packages/contracts/src/x.ts', './cells'],
    ['packages/contracts/src/x.ts', '.'],
    ['packages/service-kit/src/x.spec.ts', '@studybridge/testing'],
  ])('%s may import %s', (file, name) => {
    expect(verdict(file, imports(name))).toEqual([]);
  });

  it('refuses a room nobody decided about', () => {
    expect(() => boundaryRules(['packages/new-room'])).toThrow('packages/new-room has no line');
  });
});

describe('the lint of the work tree', () => {
  /** Lints a text in the place of a file that exists, with the very settings of `npm run check`. */
  function rulesBroken(file: string, code: string): string[] {
    const eslint = path.join(root, 'node_modules/eslint/bin/eslint.js');
    const args = [eslint, '--stdin', '--stdin-filename', path.join(root, file), '--format', 'json'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, input: code, encoding: 'utf8' });
    if (!stdout) throw new Error(stderr);
    const [result] = JSON.parse(stdout) as { messages: { ruleId: string }[] }[];
    return [...new Set(result?.messages.map(({ ruleId }) => ruleId))].sort();
  }

  it('refuses a forbidden import, a promise nobody waits for and a look into the environment', () => {
    const code = [
      "import { testDatabase } from '@studybridge/testing';",
      'export function start(): void {',
      '  testDatabase(process.env.NAME);',
      '  [1].forEach(async () => undefined);',
      '}',
      '',
    ].join('\n');
    expect(rulesBroken('apps/agile-health/src/module.ts', code)).toEqual([
      '@typescript-eslint/no-floating-promises',
      '@typescript-eslint/no-misused-promises',
      'no-restricted-imports',
      'studybridge/no-environment',
    ]);
    expect(rulesBroken('apps/agile-health/src/main.ts', 'export const name = process.env.NAME;\n')).toEqual([]);
  });
});
