import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Where tests get Apache Kafka from. */
export type KafkaSource = 'given' | 'docker' | 'java' | 'none';

let known: KafkaSource | undefined;

/** `KAFKA_BROKERS` when set, else Docker, else Java (17 or newer) with Maven, else none. Asked once per process. */
export function kafkaSource(): KafkaSource {
  if (process.env['KAFKA_BROKERS']) return 'given';
  known ??= canMakeBroker();
  return known;
}

/** How a broker of our own can be run, whether or not one was given. */
export function canMakeBroker(): Exclude<KafkaSource, 'given'> {
  if (dockerRuns()) return 'docker';
  return javaVersion() >= 17 && onPath('mvn') ? 'java' : 'none';
}

/** The Java program to run. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home ? path.join(home, 'bin', 'java') : 'java';
}

function dockerRuns(): boolean {
  return onPath('docker') && spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 15_000 }).status === 0;
}

function javaVersion(): number {
  const said = spawnSync(javaCommand(), ['-version'], { encoding: 'utf8', timeout: 15_000 });
  return Number(/version "(\d+)/.exec(said.stderr ?? '')?.[1] ?? 0);
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
