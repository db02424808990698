import { withFileLock } from '@studybridge/embedded-postgres';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../cache-folder';
import { KAFKA_VERSION } from './kafka-version';

const run = promisify(execFile);

/** The second makes errors of the broker appear in its log. */
const artifacts = [
  { group: 'org.apache.kafka', name: 'kafka_2.13', version: KAFKA_VERSION },
  { group: 'org.apache.logging.log4j', name: 'log4j-slf4j-impl', version: '2.24.3' },
];

/** Fetches the broker's libraries with Maven, once per machine. Gives their folder; throws what Maven said. */
export async function kafkaJars(): Promise<string> {
  const libs = path.join(cacheFolder('kafka'), `libs-${KAFKA_VERSION}`);
  if (existsSync(libs)) return libs;
  return withFileLock(`${libs}.lock`, async () => {
    if (!existsSync(libs)) await fetchInto(libs);
    return libs;
  });
}

async function fetchInto(libs: string): Promise<void> {
  const draft = mkdtempSync(`${libs}.new-`);
  const target = path.join(draft, 'libs');
  mkdirSync(target);
  writeFileSync(path.join(draft, 'pom.xml'), pom());
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${target}`];
  try {
    await run('mvn', ['-q', '-B', '-f', path.join(draft, 'pom.xml'), ...goal], { timeout: 600_000, maxBuffer: 1e8 });
    renameSync(target, libs);
  } catch (error) {
    const said = String((error as { stdout?: string }).stdout || (error as Error).message);
    throw new Error(`Maven could not fetch Apache Kafka ${KAFKA_VERSION}: ${said.trim().slice(0, 600)}`, {
      cause: error,
    });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function pom(): string {
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>studybridge</groupId><artifactId>test-broker</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('')}</dependencies></project>`;
}
