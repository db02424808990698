/** A running Apache Kafka of one node. Its address stays the same when it is started again on the same folder. */
export interface Broker {
  brokers: string[];
  /** In order, as an operator would. */
  stop(): Promise<void>;
  /** SIGKILL. `startBroker` on the same folder brings it back with its data. */
  kill(): Promise<void>;
  /** Kills it and loses its volume: topics, messages and offsets are gone. */
  wipe(): Promise<void>;
}

/** One way to run a broker in its place. */
export interface BrokerRunner extends Omit<Broker, 'brokers'> {
  /** Finds the one that runs there, or starts it. It outlives this process. */
  start(): Promise<void>;
}

/** Where one broker lives. */
export interface BrokerPlace {
  dir: string;
  /** Of 127.0.0.1, for clients. */
  port: number;
  controllerPort: number;
}

/** Settings that both ways of running share: a single node that forms its groups at once. */
export const brokerSettings: Record<string, string> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
  // After a kill the controller keeps the dead broker's place for this long before it lets the new one in.
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'num.partitions': '6',
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '8',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};

/** The address under which clients reach it. */
export function addressOf(place: BrokerPlace): string {
  return `127.0.0.1:${place.port}`;
}
