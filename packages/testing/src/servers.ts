import { serverRuns, startPostgres } from '@studybridge/embedded-postgres';
import { sharedBrokerRuns, stopSharedBroker } from './kafka/shared-broker';
import { kafkaSource } from './kafka/kafka-source';
import { KAFKA_VERSION } from './kafka/kafka-version';
import { noKafka } from './kafka/start-broker';
import { sharedDataDir } from './postgres/test-server';
import { otherUsers } from './users';

/** Which servers the tests of this machine use, one sentence each, and whether the shared ones run already. */
export async function testServers(): Promise<{
  postgres: { description: string; runs: boolean };
  kafka: { description: string; runs: boolean; available: boolean };
}> {
  const source = kafkaSource();
  const kafka = {
    given: `the one at ${process.env['KAFKA_BROKERS']} (KAFKA_BROKERS)`,
    docker: `apache/kafka:${KAFKA_VERSION} in Docker`,
    java: `Apache Kafka ${KAFKA_VERSION} from Maven, in Java`,
    none: `NONE. ${noKafka}`,
  };
  return {
    postgres: process.env['TEST_DATABASE_URL']
      ? { description: 'the server in TEST_DATABASE_URL', runs: true }
      : { description: 'embedded PostgreSQL 18', runs: serverRuns(sharedDataDir()) },
    kafka: {
      description: kafka[source],
      runs: source === 'given' || (source !== 'none' && (await sharedBrokerRuns())),
      available: source !== 'none',
    },
  };
}

/** Stops the named shared servers, unless another process still uses them; says whether it did. */
export async function stopTestServers(which: { postgres: boolean; kafka: boolean }): Promise<boolean> {
  if (otherUsers() > 0) return false;
  if (which.kafka) await stopSharedBroker();
  if (which.postgres && serverRuns(sharedDataDir())) await (await startPostgres({ dataDir: sharedDataDir() })).stop();
  return true;
}
