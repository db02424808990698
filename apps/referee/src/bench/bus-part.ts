import { createEventBus, createKafkaCarrier, eventBusMigrations, type EventBus } from '@studybridge/event-bus';
import { createLogger, startService, type ServiceContext, type ServiceDefinition } from '@studybridge/service-kit';
import { z } from 'zod';
import type { BenchGround } from './bench-ground';

/** Something in this process that speaks and hears on the bus, with a database of its own, under a service's name. */
export async function startPart(
  ground: BenchGround,
  name: string,
  build: (bus: EventBus) => void,
): Promise<{ context: ServiceContext; bus: EventBus; stop(): Promise<void> }> {
  const logger = createLogger({ service: name, level: 'warn' });
  const carrier = createKafkaCarrier({ brokers: ground.brokers, clientId: name, logger });
  let bus: EventBus | undefined;
  const definition: ServiceDefinition<object, null> = {
    name,
    settings: z.object({}),
    secrets: [],
    needs: [],
    migrations: [...eventBusMigrations],
    module: (context) => {
      bus = createEventBus(context, carrier);
      build(bus);
      return { module: class BenchModule {} };
    },
  };
  const running = await startService(definition, {
    env: {
      [`DATABASE_URL_${name.toUpperCase().replaceAll('-', '_')}`]: ground.databaseUrl(name.replaceAll('-', '_')),
      STUDY_KEYS_FILE: ground.keysFile,
      STUDYBRIDGE_ENVIRONMENT: 'bench',
    },
    extras: null,
    logger,
  });
  if (bus === undefined) throw new Error('The service made no bus.');
  return {
    context: running.context as ServiceContext,
    bus,
    stop: async () => {
      await running.stop();
      await carrier.close();
    },
  };
}
