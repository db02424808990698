import { StudybridgeError } from '@studybridge/contracts';
import type { JobRun } from '@studybridge/service-kit';
import { lookedInVain } from '../messages/take-doubt';
import type { Message } from '../messages/message';
import { lockMessage, readMessages, saveMessage } from '../messages/message-store';
import { isOpen } from '../messages/merge-news';
import { nextCheck, takeAccepted, takeNews, takeSilence } from '../messages/take-news';
import type { Place, Room } from '../room';
import { effectKey } from '../send/plan-send';
import { findLetter } from '../send/send-executor';
import { jobNames } from './job-names';

/** Questions to the provider at a time. */
const atOnce = 6;
/** When what a run did not get to is asked again. */
const againAfterMs = 5 * 60_000;

/**
 * Asks after every message whose check is due: by its SID, or, for one in doubt, in the list of what was sent. Bounded per run; stops
 * when the provider is away or asks to slow down (messaging.md §9.2). What remains is announced again.
 */
export async function followUp(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const { dataSource, clock, config, jobs } = room.context;
  const counts = { asked: 0, found: 0, silent: 0, remaining: 0 };
  const due = await readMessages(
    dataSource.manager,
    'WHERE binding = $1 AND check_at <= $2 ORDER BY check_at, id LIMIT $3',
    [place.binding.id, clock.now(), config.FOLLOW_UP_PER_RUN + 1],
  );
  if (run.dryRun) return { ...counts, remaining: due.length };
  const queue = due.slice(0, config.FOLLOW_UP_PER_RUN);
  let away = false;
  const worker = async (): Promise<void> => {
    for (let message = queue.shift(); message && !away && !run.signal.aborted; message = queue.shift()) {
      try {
        await followUpOne(room, message, run, counts);
      } catch (error) {
        if (!(error instanceof StudybridgeError)) throw error;
        if (error.retryable) away = true;
        else await advance(room, message, run);
        counts.remaining += 1;
        run.log(`a question was not answered: ${error.code}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (away || queue.length > 0 || due.length > config.FOLLOW_UP_PER_RUN) {
    counts.remaining += queue.length + (due.length > config.FOLLOW_UP_PER_RUN ? 1 : 0);
    const at = new Date(clock.now().getTime() + (away ? againAfterMs : 60_000));
    await dataSource.transaction((em) => jobs.announce(em, jobNames.followUp, at, { binding: place.binding.id }));
  }
  return counts;
}

async function followUpOne(
  room: Room,
  message: Message,
  run: JobRun,
  counts: { asked: number; found: number; silent: number },
): Promise<void> {
  const { dataSource } = room.context;
  const channel = room.channels.get(message.channel);
  if (!channel) return advance(room, message, run);
  counts.asked += 1;
  if (message.state === 'in-doubt') {
    const found = await findLetter(room, channel, message);
    await room.at('message.asked');
    await dataSource.transaction(async (em) => {
      await run.lease.assert(em);
      const locked = await lockMessage(em, message.id);
      if (locked?.state !== 'in-doubt') return;
      if (found === null) return lookedInVain(em, room, locked);
      counts.found += 1;
      // Where the ledger has nothing in doubt (a database put back), the message itself is what counts.
      if (await room.effects.found(em, effectKey(locked), found)) return;
      if (found.state === 'accepted') await takeAccepted(em, room, locked, found);
    });
    return;
  }
  if (message.sid === null || !channel.ask) return advance(room, message, run);
  const news = await channel.ask(message.sid);
  await room.at('message.asked');
  await dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    await takeNews(em, room, message.id, news);
    const locked = await lockMessage(em, message.id);
    if (!locked) return;
    if (!isOpen(locked.state)) counts.found += 1;
    else if (await movedOn(room, em, locked)) counts.silent += 1;
  });
}

/** The next check, or the end of asking; true when that was the last one. */
async function movedOn(room: Room, em: Parameters<typeof saveMessage>[0], message: Message): Promise<boolean> {
  const { config, clock, jobs } = room.context;
  const now = clock.now();
  do {
    message.checks += 1;
    message.checkAt = nextCheck(message, config.FOLLOW_UP_AFTER_S);
    // Checks that were missed while nobody was there are one.
  } while (message.checkAt !== null && message.checkAt <= now);
  await saveMessage(em, message, ['checks', 'checkAt']);
  if (message.checkAt === null) {
    await takeSilence(em, room, message);
    return true;
  }
  await jobs.announce(em, jobNames.followUp, message.checkAt, { binding: message.binding, within: 60_000 });
  return false;
}

/** Nobody can be asked about it (gone at the provider, no channel): the next check is as good. */
async function advance(room: Room, { id }: Message, run: JobRun): Promise<void> {
  await room.context.dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    const message = await lockMessage(em, id);
    if (message?.checkAt == null) return;
    if (message.state === 'in-doubt') await lookedInVain(em, room, message);
    else await movedOn(room, em, message);
  });
}
