import type { EntityManager } from 'typeorm';
import { jobNames } from '../follow-up/job-names';
import type { Room } from '../room';
import { effectKey } from '../send/plan-send';
import type { Message } from './message';
import { saveMessage } from './message-store';
import { sayEnd } from './say-end';
import { nextCheck } from './take-news';

/** It is not known whether the provider has it: it is looked for, with growing pauses, and never handed over again by itself. */
export async function takeDoubt(em: EntityManager, room: Room, message: Message): Promise<void> {
  if (message.state !== 'dispatching') return;
  message.state = 'in-doubt';
  message.reason = 'SEND_IN_DOUBT';
  message.checks = 0;
  await setLook(em, room, message);
}

/** A look did not find it: another follows, or it stays unknown for good, closed or with a person as its purpose says. The row is locked. */
export async function lookedInVain(em: EntityManager, room: Room, message: Message): Promise<void> {
  if (message.state !== 'in-doubt') return;
  message.checks += 1;
  await setLook(em, room, message);
}

async function setLook(em: EntityManager, room: Room, message: Message): Promise<void> {
  const { config, jobs, clock } = room.context;
  message.checkAt = nextCheck(message, config.DOUBT_LOOK_AFTER_S);
  if (message.checkAt !== null) {
    await saveMessage(em, message, doubted);
    await jobs.announce(em, jobNames.followUp, message.checkAt, { binding: message.binding, within: 60_000 });
    return;
  }
  const place = room.places.get(message.binding);
  const purpose = place?.messaging.purposes[message.purpose] ?? room.ownPurposes.get(message.purpose);
  message.settledAt = clock.now();
  message.attention = purpose?.inDoubt === 'close' ? null : 'SEND_IN_DOUBT';
  await saveMessage(em, message, doubted);
  // What is closed is nobody's task any more.
  if (message.attention === null) await room.effects.close(em, effectKey(message));
  await sayEnd(em, room, message);
}

const doubted = ['state', 'reason', 'checks', 'checkAt', 'settledAt', 'attention'] as const;
