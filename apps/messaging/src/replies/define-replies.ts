import { StudybridgeError } from '@studybridge/contracts';
import { z } from 'zod';
import type { Room } from '../room';
import { handleReply, unknownReply } from './handle-reply';
import { pollReplies } from './poll-replies';
import { addReplyPurposes } from './reply-purposes';
import { openReply, readReplies } from './reply-store';
import { staticAnswer } from './static-answer';
import { referralOf } from './take-in-reply';

/** The job that fetches what came in. */
export const repliesJob = 'replies';

/** What comes in: fetched by a job, worked on, listed for staff. */
export function defineReplies(room: Room): void {
  const { context } = room;
  addReplyPurposes(room);
  for (const place of room.places.values()) {
    context.jobs.define({
      name: repliesJob,
      binding: place.binding.id,
      schedules: [{ cron: context.config.REPLIES_CRON, zone: place.study.zone }],
      overlap: 'skip',
      catchUp: 'one',
      quiet: 'texts',
      settings: {
        overlapHours: context.config.REPLIES_OVERLAP_HOURS,
        auto: context.config.REPLIES_AUTO,
      },
      run: (run) => pollReplies(room, place, run),
    });
  }
  context.ops.addStatus('replies', async () => {
    const rows = await context.dataSource.query<{ kind: string | null; n: number }[]>(
      `SELECT kind, count(*)::int AS n FROM reply WHERE state = 'open' GROUP BY kind`,
    );
    const asked = rows.find((row) => row.kind === 'asked-to-stop')?.n ?? 0;
    const waiting = rows.reduce((sum, row) => sum + row.n, 0) - asked;
    return {
      attention: {
        ...(asked > 0 ? { ASKED_TO_STOP: asked } : {}),
        ...(waiting > 0 ? { REPLY_WAITING: waiting } : {}),
      },
    };
  });
  addReplyCommands(room);
}

function addReplyCommands(room: Room): void {
  const { ops, dataSource, logger } = room.context;
  ops.add(
    'replies.list',
    z.object({
      binding: z.string().optional(),
      state: z.enum(['open', 'all']).default('open'),
      limit: z.number().int().min(1).max(1_000).default(100),
    }),
    ({ binding, state, limit }) =>
      dataSource.query<unknown[]>(
        `SELECT r.sid, r.binding, r.kind, r.state, r.sent_at AS "sentAt", r.media, r.answer, r.handled_by AS "handledBy",
            r.handled_as AS "handledAs", r.note,
            (SELECT coalesce(array_agg(p.record_id ORDER BY p.record_id), '{}') FROM participant p
              WHERE p.participant_id = ANY(r.participant_ids)) AS records,
            cardinality(r.participant_ids) > 1 AS "sharedPhone"
           FROM reply r WHERE ($1::text IS NULL OR r.binding = $1) AND ($2 = 'all' OR r.state = 'open')
          ORDER BY r.sent_at DESC LIMIT $3`,
        [binding ?? null, state, limit],
      ),
    'Lists replies that wait for somebody, newest first, without their text (state=all: every reply).',
  );
  ops.add(
    'replies.read',
    z.object({ sid: z.string(), by: z.string().min(1) }),
    async ({ sid, by }) => {
      const [reply] = await readReplies(dataSource.manager, 'WHERE sid = $1', [sid]);
      if (!reply) throw unknownReply();
      logger.info({ sid, by }, 'a reply was read');
      const { from, body } = openReply(room, reply);
      return { sid, kind: reply.kind, sentAt: reply.sentAt, from: `…${from.slice(-4)}`, text: body };
    },
    'Shows the text of one reply; who read it is logged.',
  );
  ops.add(
    'replies.handle',
    z.object({
      sid: z.string(),
      as: z.enum(['stop', 'continue', 'noted']),
      by: z.string().min(1),
      note: z.string().max(500).optional(),
    }),
    (args) => handleReply(room, args),
    'Decides about a reply: stop (no more texts), continue (lifts the pause), or noted.',
  );
  ops.add(
    'replies.twiml',
    z.object({ binding: z.string().optional(), language: z.enum(['en', 'es']).default('en') }),
    ({ binding, language }) => {
      const place = [...room.places.values()].find((one) => binding === undefined || one.binding.id === binding);
      if (!place) {
        throw new StudybridgeError('There is no such binding.', {
          code: 'UNKNOWN_BINDING',
          errorClass: 'participant',
          remedy: 'GET /status lists the bindings.',
        });
      }
      return Promise.resolve({ twiml: staticAnswer(referralOf(room, place)[language]) });
    },
    'Prints the static answer (TwiML) to keep at the provider where no server of ours answers; then set REPLIES_AUTO=off.',
  );
}
