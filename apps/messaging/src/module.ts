import { readFileSync } from 'node:fs';
import { type DynamicModule, Module } from '@nestjs/common';
import { messageRequested, participantChanged } from '@studybridge/contracts';
import { createEffects, effectsMigrations, type EffectsOptions } from '@studybridge/effects';
import { type Carrier, createEventBus, eventBusMigrations } from '@studybridge/event-bus';
import { currentProof, type ServiceContext, type ServiceDefinition, SettingsError } from '@studybridge/service-kit';
import { type MessagingDefinition, studyById } from '@studybridge/studies';
import { dayIn } from './decide/send-window';
import { addFeatures, featureMigrations } from './features';
import { followUp } from './follow-up/follow-up';
import { jobNames } from './follow-up/job-names';
import { lookAtDue } from './follow-up/look-at-due';
import { hearRequest } from './messages/hear-request';
import { messagingMigrations } from './migrations';
import { addOperations } from './ops/add-operations';
import { wakeHeld } from './ops/wake-held';
import { hearParticipant } from './participants/hear-participant';
import { restoreSteps } from './restore/restore-steps';
import type { MessagingPoint, Place, Room } from './room';
import { effectKinds } from './send/plan-send';
import { sendExecutor } from './send/send-executor';
import { checkBalance, checkSenders } from './senders/check-senders';
import { Senders } from './senders/senders';
import { type SenderSetting, sendersSetting } from './senders/senders-setting';
import { type MessagingSettings, messagingSettings } from './settings';
import { twilioChannel } from './twilio/twilio-channel';
import { TwilioClient } from './twilio/twilio-client';

/** What the service is handed beside its settings. All but the carrier is for tests. */
export interface MessagingExtras {
  carrier: Carrier;
  effects?: EffectsOptions;
  at?: (point: MessagingPoint) => void | Promise<void>;
  /** What a study says about its messages, instead of its own folder. */
  definitionOf?: (study: string) => MessagingDefinition | undefined;
  /** Called with the room before the service starts. */
  onRoom?: (room: Room) => void;
}

@Module({})
class MessagingModule {}

function createRoom(context: ServiceContext<MessagingSettings>, extras: MessagingExtras): Room {
  const { config, dataSource } = context;
  const places = new Map<string, Place>();
  for (const binding of context.bindings) {
    const study = studyById(binding.study);
    const messaging = extras.definitionOf?.(binding.study) ?? study.messaging;
    if (!messaging) continue;
    const goLiveOn = binding.goLiveAt && dayIn(study.zone, binding.goLiveAt);
    places.set(binding.id, { binding, study, messaging, goLiveOn });
  }
  if (config.TWILIO_URL !== undefined && context.bindings.some(({ environment }) => environment === 'production')) {
    throw new SettingsError(context.name, [
      { sentence: 'TWILIO_URL names a stand-in, and a binding is production.', remedy: 'Leave TWILIO_URL out.' },
    ]);
  }
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken } = config;
  const twilio =
    accountSid === undefined || authToken === undefined
      ? null
      : new TwilioClient({
          accountSid,
          authToken,
          url: config.TWILIO_URL ?? null,
          timeoutMs: config.TWILIO_TIMEOUT_MS,
        });
  // A call is a last look, the post, and a moment.
  const callTimeoutMs = config.TWILIO_TIMEOUT_MS + 15_000;
  const bus = createEventBus(context, extras.carrier);
  const room: Room = {
    context,
    bus,
    effects: createEffects(context, {
      concurrency: config.MESSAGES_IN_HAND,
      callTimeoutMs,
      mayAct: (em) => bus.mayAct(em),
      ...extras.effects,
    }),
    places,
    senders: new Senders(readSenders(config)),
    twilio,
    webhookBase: null,
    callbackFor: null,
    checkSenders: null,
    channels: new Map(),
    ownPurposes: new Map(),
    ownTemplates: new Map(),
    hooks: { settled: [], changed: [], participant: [] },
    at: async (point) => {
      await extras.at?.(point);
      await currentProof()?.at(point);
    },
  };
  if (twilio) {
    room.checkSenders = () => checkSenders(room, twilio);
    room.channels.set(
      'sms',
      twilioChannel({
        client: twilio,
        senders: room.senders,
        em: dataSource.manager,
        callbackFor: (id) => room.callbackFor?.(id) ?? null,
      }),
    );
  }
  return room;
}

/** `SENDERS_FILE` holds what `SENDERS` would. */
function readSenders(config: MessagingSettings): SenderSetting[] {
  if (config.SENDERS_FILE === undefined) return config.SENDERS;
  const read = (): string => {
    try {
      return readFileSync(config.SENDERS_FILE ?? '', 'utf8');
    } catch {
      return '';
    }
  };
  const parsed = sendersSetting.safeParse(read());
  if (parsed.success) return parsed.data;
  throw new SettingsError('messaging', [
    { sentence: 'SENDERS_FILE does not hold a list of senders as JSON.', remedy: 'Correct the file or its path.' },
  ]);
}

function wire(room: Room): void {
  const { context, bus, effects } = room;
  bus.consume(participantChanged, (em, envelope) => hearParticipant(em, room, envelope));
  bus.onRestored(restoreSteps(room));
  bus.consume(messageRequested, (em, envelope) => hearRequest(em, room, envelope));
  for (const [name, channel] of room.channels) effects.register(effectKinds[name], sendExecutor(room, channel));
  for (const place of room.places.values()) {
    // Nothing but announced instants: whoever sets one says so in the same transaction.
    const shared = {
      binding: place.binding.id,
      schedules: [],
      overlap: 'queue-one',
      catchUp: 'one',
      quiet: false,
    } as const;
    context.jobs.define({ ...shared, schedules: [], name: jobNames.due, run: (run) => lookAtDue(room, place, run) });
    context.jobs.define({
      ...shared,
      schedules: [],
      name: jobNames.followUp,
      run: (run) => followUp(room, place, run),
    });
  }
  addOperations(room);
  watchAccount(room);
}

/** The senders and the balance are looked at from the start on; what cannot be asked is asked again. */
function watchAccount(room: Room): void {
  const { context, twilio } = room;
  let low: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  context.idle.addProblems(() => Promise.resolve(low === null ? [] : [low]));
  const look = async (): Promise<void> => {
    if (!twilio || context.config.SENDING === 'dry-run') return;
    try {
      await checkSenders(room, twilio);
      low = await checkBalance(room, twilio);
      timer = setTimeout(() => void look(), 6 * 3_600_000);
    } catch (error) {
      context.logger.warn({ err: error }, 'the senders could not be checked; trying again');
      timer = setTimeout(() => void look(), 60_000);
    }
    timer.unref();
  };
  context.onStart(async () => {
    // Settings may have changed while it was down.
    if (context.config.SENDING === 'on') await wakeHeld(room, ['KILL_SWITCH', 'SENDER_NOT_READY']);
    void look();
  });
  context.onStop(() => Promise.resolve(clearTimeout(timer)));
}

/** The service: every text and mail of the studies, asked for once, decided at the moment of sending, followed to its end. */
export const messaging: ServiceDefinition<MessagingSettings, MessagingExtras> = {
  name: 'messaging',
  settings: messagingSettings,
  secrets: ['TWILIO_AUTH_TOKEN', 'TWILIO_AUTH_TOKEN_NEXT', 'SMTP_PASSWORD'],
  needs: [],
  migrations: [...eventBusMigrations, ...effectsMigrations, ...messagingMigrations, ...featureMigrations],
  module: (context, extras): DynamicModule => {
    const room = createRoom(context, extras);
    const parts = addFeatures(room);
    extras.onRoom?.(room);
    wire(room);
    return { module: MessagingModule, ...parts };
  },
};
