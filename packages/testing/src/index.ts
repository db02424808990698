export { eventually } from './eventually';
export { expectTypeErrors, type Refusal } from './expect-type-errors';
export { freePort } from './free-ports';
export type { Broker } from './kafka/broker';
export { kafkaAvailable, testKafkaBrokers } from './kafka/shared-broker';
export { startBroker } from './kafka/start-broker';
export { copyDatabase, putBackDatabase, testDatabase, type TestDatabase } from './postgres/test-database';
export { type Child, runTypeScript } from './run-typescript';
