import 'reflect-metadata';
import { createKafkaCarrier } from '@studybridge/event-bus';
import { runService, SettingsError } from '@studybridge/service-kit';
import { messaging } from './module';

void runService(messaging, (env, logger) => {
  const brokers = (env['KAFKA_BROKERS'] ?? '').split(',').filter((broker) => broker.trim() !== '');
  if (brokers.length === 0) {
    throw new SettingsError(messaging.name, [
      { sentence: 'KAFKA_BROKERS is missing.', remedy: 'Set it to host:port of the brokers, separated by commas.' },
    ]);
  }
  return Promise.resolve({ carrier: createKafkaCarrier({ brokers, clientId: messaging.name, logger }) });
});
