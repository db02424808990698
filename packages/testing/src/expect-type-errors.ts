import path from 'node:path';
import ts from 'typescript';

/** One line that must not compile, and why it does not. */
export interface Refusal {
  /** 1-based, of the refused line. */
  line: number;
  codes: number[];
  messages: string[];
}

const MARK = '@ts-expect-error';

/**
 * Compiles one file (absolute path) with the settings of the whole work tree and insists that every line below a
 * `// @ts-expect-error` comment is refused, and nothing else. A comment may name what it expects
 * (`// @ts-expect-error TS2322`, several separated by blanks), so that a line cannot be refused for another reason.
 * Gives the refusals; throws a list of what differs.
 */
export function expectTypeErrors(file: string): Refusal[] {
  const { source, diagnostics } = compile(path.resolve(file));
  const lines = source.split('\n');
  const expected = new Map<number, number[]>();
  lines.forEach((text, index) => {
    const at = text.indexOf(`// ${MARK}`);
    if (at < 0) return;
    expected.set(
      index + 2,
      [...text.slice(at).matchAll(/\bTS(\d+)\b/g)].map((match) => Number(match[1])),
    );
  });
  const found = new Map<number, Refusal>();
  for (const diagnostic of diagnostics) {
    const line = diagnostic.file ? diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line + 1 : 0;
    const entry = found.get(line) ?? { line, codes: [], messages: [] };
    entry.codes.push(diagnostic.code);
    entry.messages.push(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
    found.set(line, entry);
  }
  const wrong = [...found.values()]
    .filter(({ line }) => !expected.has(line))
    .map(({ line, codes, messages }) => `line ${line} does not compile: TS${codes.join(', TS')} ${messages.join(' ')}`);
  for (const [line, codes] of expected) {
    const refusal = found.get(line);
    if (!refusal) wrong.push(`line ${line} compiles, but must not: ${lines[line - 1]?.trim()}`);
    else if (codes.length > 0 && !codes.some((code) => refusal.codes.includes(code))) {
      wrong.push(`line ${line} is refused by TS${refusal.codes.join(', TS')}: ${refusal.messages.join(' ')}`);
    }
  }
  if (expected.size === 0) wrong.push(`it holds no // ${MARK}`);
  if (wrong.length > 0) throw new Error(`${path.basename(file)}:\n${wrong.join('\n')}`);
  return [...found.values()].sort((a, b) => a.line - b.line);
}

/** The comments are blunted while compiling: otherwise TypeScript hides the very errors that are looked for. */
function compile(file: string) {
  const configFile = ts.findConfigFile(path.dirname(file), ts.sys.fileExists, 'tsconfig.base.json');
  if (!configFile) throw new Error(`No tsconfig.base.json above ${file}`);
  const config = ts.parseJsonConfigFileContent(
    { ...(ts.readConfigFile(configFile, ts.sys.readFile).config as object), files: [file] },
    ts.sys,
    path.dirname(configFile),
  );
  const host = ts.createCompilerHost(config.options);
  const read = host.readFile.bind(host);
  const source = read(file);
  if (source === undefined) throw new Error(`No file ${file}`);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target, ...rest) =>
    path.resolve(name) === file
      ? ts.createSourceFile(name, source.replaceAll(MARK, '@ts-is-expected'), target)
      : getSourceFile(name, target, ...rest);
  const program = ts.createProgram([file], config.options, host);
  const sourceFile = program.getSourceFile(file);
  const diagnostics = [
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(sourceFile),
    ...program.getSemanticDiagnostics(sourceFile),
  ];
  return { source, diagnostics };
}
