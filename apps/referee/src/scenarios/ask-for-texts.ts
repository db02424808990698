import { messageRequested, messageSettled, participantChanged, type MessageSettled } from '@studybridge/contracts';
import type { World } from '@studybridge/sandbox';
import { startPart, type Part, type PartGround } from '../system/bus-part';
import type { WantedText } from './wanted-texts';

const study = 'ismile';
/** Whose texts they are, where they are sent, and from which number. */
export const texting = { study, binding: `${study}.sandbox`, sender: '55512' } as const;
/** The name under which the referee asks for texts and hears what became of them. */
export const asker = 'asker';
const expireAfterMs = 4 * 24 * 3_600_000;

/** Whoever asks for texts: says it through an outbox of its own, and keeps what it is told last of each. */
export function startAsker(
  ground: PartGround,
  world: World,
  o: { database: string; told: Map<string, MessageSettled> },
): Promise<Part> {
  return startPart(
    ground,
    asker,
    (bus) =>
      bus.consume(messageSettled, (_em, { payload }) => {
        o.told.set(payload.requestId, payload);
        return Promise.resolve();
      }),
    { database: o.database, clock: world.clock },
  );
}

/** Tells of the families and asks for their texts, in one transaction. */
export async function askForTexts({ context, bus }: Part, world: World, texts: readonly WantedText[]): Promise<void> {
  const { sealer, dataSource } = context;
  const meta = { binding: texting.binding, study, cause: 'live' as const, correlationId: 'referee' };
  const rows = (values: Record<string, string>) => [
    { event: 'baseline_arm_1', instrument: 'participant_info', instance: 0, values },
  ];
  const now = world.now;
  await dataSource.transaction(async (em) => {
    await bus.publishMany(
      em,
      participantChanged,
      texts.map(({ participantId, record, mobile, language }) => ({
        payload: {
          participantId,
          project: 'main',
          recordId: record,
          incarnation: 1,
          presence: 'present' as const,
          rows: rows({ part_consent_date: '2018-08-01', part_mobile_ok_to_text: '1', part_lang: language }),
          sealed: sealer.seal(study, `participant:${participantId}`, rows({ part_mobile_number: mobile })),
          changed: [],
          asOf: now.toISOString(),
        },
        meta,
      })),
    );
    await bus.publishMany(
      em,
      messageRequested,
      texts.map(({ requestId, participantId, purpose, template, data }) => ({
        payload: {
          requestId,
          participantId,
          purpose,
          channel: 'sms' as const,
          template,
          data: sealer.seal(study, `message:${requestId}`, data),
          notBefore: null,
          expiresAt: new Date(now.getTime() + expireAfterMs).toISOString(),
        },
        meta,
      })),
    );
  });
  bus.wake();
}

/** The settings of a messaging service that sends from one short code at this world. */
export function textingSettings(worldUrl: string, world: World, segmentsPerSecond: number): Record<string, string> {
  return {
    STUDIES: study,
    TWILIO_URL: worldUrl,
    TWILIO_ACCOUNT_SID: world.twilio.accountSid,
    TWILIO_AUTH_TOKEN: world.twilio.authToken,
    SENDERS: JSON.stringify([{ number: texting.sender, kind: 'short', binding: texting.binding, segmentsPerSecond }]),
    // What so many texts cost is not what is tried.
    TRIP_COST_PER_DAY: '100000',
  };
}
