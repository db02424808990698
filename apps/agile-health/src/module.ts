import { HttpModule, HttpService } from '@nestjs/axios';
import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { participantChanged, writeSettled } from '@studybridge/contracts';
import { createEffects, effectsMigrations, type EffectsOptions } from '@studybridge/effects';
import { type Carrier, createEventBus, eventBusMigrations } from '@studybridge/event-bus';
import { currentProof, type ServiceContext, type ServiceDefinition } from '@studybridge/service-kit';
import { studyById } from '@studybridge/studies';
import { compareBinding, compareJob } from './differences/compare-binding';
import { agileHealthMigrations } from './migrations';
import { addOperations, statusJob } from './ops/add-operations';
import { hearParticipant } from './participants/hear-participant';
import { PartnerClient } from './partner/partner-client';
import { addShapeCommands } from './ops/add-shape-commands';
import { AnswerShape } from './partner/answer-shape';
import { createPartnerMetrics } from './partner/partner-metrics';
import { restoreSteps } from './restore/restore-steps';
import { type AgilePoint, type Place, type Room, todayIn } from './room';
import { adoptExecutor } from './sends/adopt';
import { armExecutor } from './sends/arm';
import { enrolExecutor } from './sends/enrol';
import { effectKinds } from './sends/kinds';
import { updateExecutor } from './sends/update';
import { withdrawExecutor } from './sends/withdraw';
import { type AgileHealthSettings, agileHealthSettings } from './settings';
import { pollStatuses } from './status/poll-statuses';
import { hearSettled } from './write-back/hear-settled';

/** What the service is handed beside its settings. `effects` and `at` are for tests. */
export interface AgileHealthExtras {
  carrier: Carrier;
  effects?: EffectsOptions;
  at?: (point: AgilePoint) => void | Promise<void>;
}

const ROOM_PARTS = Symbol('what the room is made of');

/** Wires the room once Nest has made the HTTP client. */
@Module({})
class AgileHealthModule implements OnModuleInit {
  constructor(
    @Inject(HttpService) private readonly http: HttpService,
    @Inject(ROOM_PARTS)
    private readonly parts: { context: ServiceContext<AgileHealthSettings>; extras: AgileHealthExtras },
  ) {}

  onModuleInit(): void {
    wire(this.parts.context, this.parts.extras, this.http);
  }
}

function wire(context: ServiceContext<AgileHealthSettings>, extras: AgileHealthExtras, http: HttpService): void {
  const metrics = createPartnerMetrics(context.registry);
  const shape = new AnswerShape(context.logger, context.dataSource);
  const bus = createEventBus(context, extras.carrier);
  const { AGILE_TIMEOUT_MS: timeoutMs } = context.config;
  // A call may be a change, a look, and a change again.
  const effects = createEffects(context, {
    callTimeoutMs: 7 * timeoutMs,
    mayAct: (em) => bus.mayAct(em),
    ...extras.effects,
  });
  const places = new Map<string, Place>();
  for (const binding of context.bindings) {
    const study = studyById(binding.study);
    const { agileHealth: agile } = study;
    if (!agile || !binding.agileHealth) continue;
    const client = new PartnerClient(http, {
      ...binding.agileHealth,
      program: agile.program,
      timeoutMs,
      metrics,
      shape,
      logger: context.logger,
    });
    const goLiveOn = binding.goLiveAt && todayIn(study.zone, binding.goLiveAt);
    places.set(binding.id, { binding, study, agile, client, goLiveOn });
  }
  const room: Room = {
    context,
    bus,
    effects,
    places,
    metrics,
    at: async (point) => {
      await (extras.at ?? currentProof()?.at)?.(point);
    },
  };
  effects.register(effectKinds.adopt, adoptExecutor(room));
  effects.register(effectKinds.enrol, enrolExecutor(room));
  effects.register(effectKinds.update, updateExecutor(room));
  effects.register(effectKinds.arm, armExecutor(room));
  effects.register(effectKinds.withdraw, withdrawExecutor(room));
  bus.onRestored(restoreSteps(room));
  bus.consume(participantChanged, (em, envelope) => hearParticipant(em, room, envelope));
  bus.consume(writeSettled, (em, envelope) => hearSettled(em, room, envelope));
  for (const place of places.values()) {
    const { binding, study } = place;
    context.jobs.define({
      name: statusJob,
      binding: binding.id,
      schedules: [...(study.schedules[statusJob] ?? [])],
      overlap: 'skip',
      catchUp: 'one',
      // Waiting for an arm or an answer needs attention by the passing of time alone.
      quiet: false,
      settings: { overlapMinutes: context.config.AGILE_STATUS_OVERLAP_MINUTES },
      run: (run) => pollStatuses(room, place, run),
    });
  }
  for (const place of places.values()) {
    const { binding, study } = place;
    context.jobs.define({
      name: compareJob,
      binding: binding.id,
      schedules: [...(study.schedules[compareJob] ?? [])],
      overlap: 'skip',
      catchUp: 'one',
      quiet: 'redcap',
      run: (run) => compareBinding(room, place, run),
    });
  }
  addOperations(room);
  addShapeCommands(context, shape);
}

/** The service: enrolment, arm, changed details and withdrawal to the texting partner, and its statuses back into REDCap. */
export const agileHealth: ServiceDefinition<AgileHealthSettings, AgileHealthExtras> = {
  name: 'agile-health',
  settings: agileHealthSettings,
  secrets: [],
  needs: ['agileHealth'],
  migrations: [...eventBusMigrations, ...effectsMigrations, ...agileHealthMigrations],
  module: (context, extras): DynamicModule => ({
    module: AgileHealthModule,
    imports: [HttpModule],
    providers: [{ provide: ROOM_PARTS, useValue: { context, extras } }],
  }),
};
