import { eventBusMigrations } from '@studybridge/event-bus';
import type { ServiceDefinition } from '@studybridge/service-kit';
import { gatewaySettings, type GatewaySettings } from './app.config';
import { AddMonitoring1800000250000 } from './database/add-monitoring';
import { CreateGatewayTables1800000000000, CreateSurveyLinks1800000100000 } from './database/create-tables';
import { CreateRestoreColumns1800000200000 } from './database/restore-tables';
import { RedcapGatewayModule, type GatewayExtras } from './redcap-gateway.module';

/** redcap-gateway: the only service with REDCap tokens. Sees what changed, says it, and writes what others ask for, guarded. */
export const redcapGateway: ServiceDefinition<GatewaySettings, GatewayExtras> = {
  name: 'redcap-gateway',
  settings: gatewaySettings,
  secrets: [],
  needs: ['redcap'],
  migrations: [
    ...eventBusMigrations,
    CreateGatewayTables1800000000000,
    CreateSurveyLinks1800000100000,
    CreateRestoreColumns1800000200000,
    AddMonitoring1800000250000,
  ],
  module: (_context, extras) => RedcapGatewayModule.with(extras),
};
