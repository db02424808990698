/** The Apache Kafka of tests; the same as in docker-compose.yml. */
export const KAFKA_VERSION = '4.4.0';
