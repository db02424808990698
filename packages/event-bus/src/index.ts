export { eventBusMigrations } from './bus-migrations';
export type { Carrier, WireMessage } from './carrier';
export { createEventBus, EventBus } from './event-bus';
export type { BusFaults, BusPoint } from './faults';
export { createInProcessCarrier } from './in-process-carrier';
export { createKafkaCarrier, type KafkaCarrierOptions } from './kafka/kafka-carrier';
export type { EventMeta } from './publish-events';
export type { RestorePhase } from './restore-state';
export type { RestoreSteps } from './restore-watch';
