import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createWorld, sandboxToken, type World, type WorldOptions } from '@studybridge/sandbox';
import { generateStudyKeys } from '@studybridge/service-kit';
import type { Cohort } from '@studybridge/studies';
import type { Part } from './bus-part';
import { freePort } from '@studybridge/testing';
import { layGround, type Ground } from './ground';
import { Replica } from './replica';

/** How a service is started beside what all of them get. */
export interface ServicePlan {
  name: string;
  replicas: number;
  /** More settings, given the world and its address. */
  env?: (worldUrl: string, world: World) => Record<string, string>;
}

/** Everything that runs under the referee. */
export interface System {
  world: World;
  worldUrl: string;
  ground: Ground;
  replicas: readonly Replica[];
  /** Parts of the referee's own that speak and hear on the bus, too; whoever starts one adds it. */
  parts: Part[];
  /** File with the study keys. */
  keysFile: string;
  opsToken: string;
  /** Logs and data of this run. */
  folder: string;
  of(service: string): Replica[];
  /** Names of services, each once. */
  services: readonly string[];
  /** The database that a service keeps. */
  databaseOf(service: string): string;
  stop(o: { keepFolder: boolean }): Promise<void>;
}

/** The two services that a family's enrolment goes through. */
export const enrolmentServices: ServicePlan[] = [
  {
    name: 'redcap-gateway',
    replicas: 2,
    env: (world) => ({
      REDCAP_URL: `${world}/redcap/api/`,
      REDCAP_TOKEN_ISMILE: sandboxToken('ismile'),
      REDCAP_CALLS_PER_MINUTE: '0',
      REDCAP_TIMEOUT_SECONDS: '10',
    }),
  },
  {
    name: 'agile-health',
    replicas: 2,
    env: (world) => ({
      AGILE_HEALTH_URL: `${world}/agile`,
      AGILE_HEALTH_KEY: sandboxToken('agile-health'),
      AGILE_TIMEOUT_MS: '3000',
    }),
  },
];

/**
 * Starts a world in this process, Kafka and PostgreSQL of its own, and the services as processes from their built mains. Does
 * not wait for the services: whoever needs them asks. The world is a cohort's, or another one. `off` takes guards away, for the proofs
 * that they bite.
 */
export async function startSystem(o: {
  cohort: Cohort | { study: string; world: WorldOptions };
  services: ServicePlan[];
  off?: readonly string[];
  /** A ground that others use, too; else one of its own. */
  ground?: Ground;
}): Promise<System> {
  const folder = mkdtempSync(path.join(tmpdir(), 'studybridge-referee-'));
  const logs = path.join(folder, 'logs');
  mkdirSync(logs);
  const ground = o.ground ?? (await layGround(folder));
  const world = createWorld('world' in o.cohort ? o.cohort.world : { cohort: o.cohort });
  const { url: worldUrl } = await world.listen(0);
  const keys = path.join(folder, 'study-keys');
  writeFileSync(keys, generateStudyKeys([o.cohort.study]), { mode: 0o600 });
  const opsToken = randomBytes(16).toString('hex');
  const run = randomBytes(4).toString('hex');
  const databaseOf = (service: string): string => `run_${run}_${service.replaceAll('-', '_')}`;
  const replicas: Replica[] = [];
  for (const service of o.services) {
    for (let number = 1; number <= service.replicas; number += 1) {
      const env = {
        [`DATABASE_URL_${service.name.toUpperCase().replaceAll('-', '_')}`]: ground.databaseUrl(
          databaseOf(service.name),
        ),
        KAFKA_BROKERS: ground.brokers.join(','),
        STUDY_KEYS_FILE: keys,
        STUDYBRIDGE_ENVIRONMENT: 'sandbox',
        STUDY_CLOCK_URL: `${worldUrl}/__sandbox/clock`,
        OPS_TOKEN: opsToken,
        ...service.env?.(worldUrl, world),
      };
      const port = await freePort();
      replicas.push(new Replica({ service: service.name, number, port, env, off: o.off ?? [], folder: logs }));
    }
  }
  for (const replica of replicas) replica.start();
  const parts: Part[] = [];
  return {
    world,
    worldUrl,
    ground,
    replicas,
    parts,
    keysFile: keys,
    opsToken,
    folder,
    services: o.services.map((service) => service.name),
    of: (service) => replicas.filter((replica) => replica.o.service === service),
    databaseOf,
    async stop({ keepFolder }) {
      await Promise.all([...replicas, ...parts].map((one) => one.stop()));
      await world.close();
      if (o.ground === undefined) await ground.stop();
      // The next run on this ground must not hear of this one.
      else await ground.loseBrokerVolume();
      if (!keepFolder) rmSync(folder, { recursive: true, force: true });
    },
  };
}
