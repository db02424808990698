import { Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { Counter } from 'prom-client';
import { messageOfSid, takeNews } from '../messages/take-news';
import type { News } from '../messages/news';
import { repliesJob } from '../replies/define-replies';
import { keepReply } from '../replies/reply-store';
import { emptyAnswer } from '../replies/static-answer';
import type { Place, Room } from '../room';
import type { Sender } from '../senders/senders';
import { isSigned, textOf } from './twilio-request';

/** The part of the web server's request that is used. */
interface Request {
  originalUrl: string;
  body: unknown;
  header(name: string): string | undefined;
}

/** The part of its response. */
interface Response {
  status(code: number): Response;
  type(type: string): Response;
  send(body: string): void;
}

/** Injection token of the {@link Room} of the webhooks. */
export const WEBHOOK_ROOM = Symbol('the room of the webhooks');

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const sidForm = /^(SM|MM)[0-9a-f]{32}$/;

/**
 * What Twilio tells us sooner than we would ask. Nothing depends on it: what is told is kept like an answer to a question of ours, and
 * whatever is said here, the answer is empty, so that no phone gets a text from it.
 */
@Controller('twilio')
export class WebhooksController {
  private readonly heard: Counter;

  constructor(@Inject(WEBHOOK_ROOM) private readonly room: Room) {
    this.heard = new Counter({
      name: 'messaging_webhooks_total',
      help: 'Webhooks by kind and what was made of them.',
      labelNames: ['kind', 'outcome'],
      registers: [room.context.registry],
    });
  }

  /** News of a message of ours. */
  @Post('status/:messageId')
  @HttpCode(200)
  async status(
    @Param('messageId') messageId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const params = this.signedParams(request);
    if (params === null) return this.answer(response, 'status', 'forged', 403);
    const sid = textOf(params, 'MessageSid');
    const status = textOf(params, 'MessageStatus').toLowerCase();
    if (!sidForm.test(sid) || !uuid.test(messageId) || !/^[a-z_]{1,40}$/.test(status)) {
      return this.answer(response, 'status', 'malformed', 400);
    }
    const taken = await this.room.context.dataSource.transaction(async (em) => {
      const owner = await messageOfSid(em, sid);
      if (owner !== null && owner !== messageId) return 'unknown';
      return takeNews(em, this.room, messageId, newsOf(params, sid, status, dedupOf(request)));
    });
    return this.answer(response, 'status', taken, taken === 'unknown' ? 404 : 200);
  }

  /** A text to one of our numbers: kept, then worked on like one that was fetched. */
  @Post('inbound')
  @HttpCode(200)
  async inbound(@Req() request: Request, @Res() response: Response): Promise<void> {
    const params = this.signedParams(request);
    if (params === null) return this.answer(response, 'inbound', 'forged', 403);
    const sid = textOf(params, 'MessageSid');
    const from = textOf(params, 'From');
    // What a Messaging Service sends from is named beside the number.
    const sender = this.senderOf(textOf(params, 'To')) ?? this.senderOf(textOf(params, 'MessagingServiceSid'));
    const place = this.placeOf(sender);
    if (!sidForm.test(sid) || !/^\+?\d{3,15}$/.test(from)) return this.answer(response, 'inbound', 'malformed', 400);
    if (sender === null || place === null) return this.answer(response, 'inbound', 'unknown', 404);
    const { context } = this.room;
    await context.clock.refresh();
    const kept = await context.dataSource.transaction((em) =>
      keepReply(em, this.room, place, {
        sid,
        sender: sender.id,
        from,
        body: textOf(params, 'Body'),
        media: Number(textOf(params, 'NumMedia')) || 0,
        source: 'webhook',
        sentAt: context.clock.now(),
      }),
    );
    this.answer(response, 'inbound', kept ? 'taken' : 'known', 200);
    if (kept) await context.jobs.run(repliesJob, { binding: place.binding.id }).catch(() => undefined);
  }

  private signedParams(request: Request): Record<string, unknown> | null {
    const { webhookBase, twilio, context } = this.room;
    if (webhookBase === null || twilio === null) return null;
    const params: unknown = request.body;
    if (typeof params !== 'object' || params === null) return null;
    const { TWILIO_AUTH_TOKEN: token, TWILIO_AUTH_TOKEN_NEXT: next } = context.config;
    const tokens = [token, next].filter((one) => one !== undefined);
    const signature = request.header('x-twilio-signature');
    const given = params as Record<string, unknown>;
    const signed = isSigned({
      request: { path: request.originalUrl, signature, params: given },
      base: webhookBase,
      tokens,
      accountSid: twilio.accountSid,
    });
    return signed ? given : null;
  }

  /** The binding whose number it is. */
  private senderOf(id: string): Sender | null {
    const sender = this.room.senders.byId(id);
    return sender?.purpose === 'study' ? sender : null;
  }

  private placeOf(sender: Sender | null): Place | null {
    return this.room.places.get(sender?.binding ?? '') ?? null;
  }

  private answer(response: Response, kind: string, outcome: string, status: number): void {
    this.heard.inc({ kind, outcome });
    if (outcome !== 'taken' && outcome !== 'known') {
      this.room.context.logger.warn({ kind, outcome }, 'a webhook was refused');
    }
    response.status(status).type('text/xml').send(emptyAnswer());
  }
}

function newsOf(params: Record<string, unknown>, sid: string, status: string, dedup: string | null): News {
  const code = textOf(params, 'ErrorCode');
  const errorCode = /^\d{1,6}$/.test(code) ? code : null;
  const done = textOf(params, 'RawDlrDoneDate');
  return {
    source: 'callback',
    sid,
    status,
    errorCode,
    segments: null,
    price: null,
    createdAt: null,
    updatedAt: null,
    dedup,
    raw: { sid, status, errorCode, rawDlrDoneDate: /^\d{1,14}$/.test(done) ? done : null },
  };
}

/** A repeated event keeps its token. */
function dedupOf(request: Request): string | null {
  const token = request.header('i-twilio-idempotency-token');
  return token === undefined || token === '' || token.length > 200 ? null : `callback:${token}`;
}
