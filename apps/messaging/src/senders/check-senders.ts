import { StudybridgeError } from '@studybridge/contracts';
import type { Room } from '../room';
import type { TwilioClient } from '../twilio/twilio-client';
import { wakeHeld } from '../ops/wake-held';
import type { Sender } from './senders';

/** What is wrong with a sender, for staff; no number. */
interface Finding {
  problem: string;
  remedy: string;
}

/** Twilio's own, which run without us: a static auto-reply may well be there (messaging.md §0). */
const harmlessHooks = ['https://handler.twilio.com/', 'https://webhooks.twilio.com/'];

/**
 * Looks at Twilio whether each sender is the account's, can text, and belongs to nobody else: a webhook that is not ours (REDCap's own
 * module sets one) means that somebody else texts from it. One that does not pass sends nothing until it does. Throws `dependency` and
 * `setting` errors of Twilio.
 */
export async function checkSenders(room: Room, client: TwilioClient): Promise<{ checked: number; problems: number }> {
  const { dataSource, clock, logger } = room.context;
  const counts = { checked: 0, problems: 0 };
  let healed = false;
  for (const sender of room.senders.all) {
    const finding = await findingOf(room, client, sender);
    counts.checked += 1;
    if (finding) counts.problems += 1;
    const [before]: { problem: string | null }[] = await dataSource.query('SELECT problem FROM sender WHERE id = $1', [
      sender.id,
    ]);
    await dataSource.query(
      `INSERT INTO sender (id, checked_at, problem, remedy) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at, problem = excluded.problem, remedy = excluded.remedy`,
      [sender.id, clock.now(), finding?.problem ?? null, finding?.remedy ?? null],
    );
    if (finding && before?.problem !== finding.problem) {
      logger.error({ senderKind: sender.kind, purpose: sender.purpose, ...finding }, 'a sender did not pass its check');
    }
    healed ||= finding === null && (before?.problem ?? null) !== null;
  }
  if (healed) await wakeHeld(room, ['SENDER_NOT_READY']);
  return counts;
}

/** The account's balance below what the settings ask for: a sentence, else null. */
export async function checkBalance(room: Room, client: TwilioClient): Promise<string | null> {
  const { amount, currency } = await client.balance();
  const low = amount < room.context.config.BALANCE_ALERT_BELOW;
  if (!low) return null;
  room.context.logger.error({ balance: amount, currency }, 'the balance at Twilio is low');
  return `The balance at Twilio is down to ${amount.toFixed(2)} ${currency}: top it up.`;
}

async function findingOf(room: Room, client: TwilioClient, sender: Sender): Promise<Finding | null> {
  if (sender.kind === 'service') {
    return (await client.hasService(sender.id))
      ? null
      : { problem: 'The Messaging Service is not one of the account’s.', remedy: 'Correct SENDERS.' };
  }
  const owned = await client.ownedNumber(sender.id).catch((error: unknown) => {
    if (error instanceof StudybridgeError && error.code === 'TWILIO_REFUSED') return null;
    throw error;
  });
  if (owned === null) {
    return { problem: 'The number is not one of the account’s.', remedy: 'Correct SENDERS, or buy the number.' };
  }
  if (!owned.sms) return { problem: 'The number cannot send texts.', remedy: 'Choose another one.' };
  const own = room.webhookBase === null ? [] : [room.webhookBase];
  if (owned.smsUrl !== '' && ![...own, ...harmlessHooks].some((start) => owned.smsUrl.startsWith(start))) {
    return {
      problem: 'Somebody else’s webhook is on the number, so another program texts from it.',
      remedy: 'Give the study a number of its own, or take the webhook away.',
    };
  }
  return null;
}
