import { Kafka, logLevel } from 'kafkajs';

/** Whether a broker serves under this address: it describes a cluster with a controller and lists its topics. */
export async function brokerAnswers(address: string): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'test-probe',
    brokers: [address],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    await admin.listTopics();
    return cluster.brokers.length > 0 && cluster.controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
