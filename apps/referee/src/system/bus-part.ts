import { createEventBus, createKafkaCarrier, eventBusMigrations, type EventBus } from '@studybridge/event-bus';
import type { Clock } from '@studybridge/contracts';
import { createLogger, startService, type ServiceContext, type ServiceDefinition } from '@studybridge/service-kit';
import { z } from 'zod';

/** What a part stands on. */
export interface PartGround {
  brokers: string[];
  databaseUrl(name: string): string;
  /** File with the study keys. */
  keysFile: string;
}

/** Something in this process that speaks and hears on the bus as a service does. */
export interface Part {
  name: string;
  context: ServiceContext;
  bus: EventBus;
  /** Where it answers, `/idle` among others. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts a part under a service's name, with a database of its own (by default named like it). `clock`: the world's time; without
 * it, the real one.
 */
export async function startPart(
  ground: PartGround,
  name: string,
  build: (bus: EventBus) => void,
  o: { database?: string; clock?: Clock } = {},
): Promise<Part> {
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
      [`DATABASE_URL_${name.toUpperCase().replaceAll('-', '_')}`]: ground.databaseUrl(
        o.database ?? name.replaceAll('-', '_'),
      ),
      STUDY_KEYS_FILE: ground.keysFile,
      STUDYBRIDGE_ENVIRONMENT: 'bench',
    },
    extras: null,
    clock: o.clock,
    logger,
  });
  if (bus === undefined) throw new Error('The service made no bus.');
  return {
    name,
    url: running.url,
    context: running.context as ServiceContext,
    bus,
    stop: async () => {
      await running.stop();
      await carrier.close();
    },
  };
}
