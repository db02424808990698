import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readProjectFiles } from './read-project-files';
import { renderCodebook, renderProjectData, renderRegistry } from './render-codebook';

/** What the generator writes, by path below `source` (`packages/studies/src`); also what the staleness test compares. */
export function generatedFiles(source: string): Map<string, string> {
  const folders = readdirSync(source)
    .filter((name) => existsSync(path.join(source, name, 'study.ts')))
    .sort();
  const files = new Map([['registry.ts', renderRegistry(folders)]]);
  for (const folder of folders) {
    const project = readProjectFiles(path.join(source, folder, 'project'));
    files.set(path.join(folder, 'codebook.ts'), renderCodebook(project));
    files.set(path.join(folder, 'project-data.ts'), renderProjectData(project));
  }
  return files;
}

if (require.main === module) {
  // runs as dist/codebook/generate.js and writes beside the sources
  const source = path.resolve(__dirname, '../../src');
  for (const [name, text] of generatedFiles(source)) writeFileSync(path.join(source, name), text);
}
