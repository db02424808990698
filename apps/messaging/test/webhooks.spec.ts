import twilio from 'twilio';
import { eventually } from '@studybridge/testing';
import { clearStage, setStage } from './harness';

afterEach(clearStage);

const number = '+12025550110';
const binding = 'ismile.test';
const zelda = '+16175550142';
const base = 'https://messages.study.example/studybridge';
const senders = [{ number, binding, segmentsPerSecond: 1_000, messageEveryMs: 0 }];
const empty = /^<\?xml[^>]*\?><Response\/>$/;

async function ready(env: Record<string, string> = {}, from: object[] = senders) {
  const stage = await setStage({ senders: from, env: { WEBHOOKS: 'on', PUBLIC_BASE_URL: base, ...env } });
  const id = await stage.others.newPerson({ mobile: zelda });
  await stage.playTo('2018-10-02T16:00:00Z');
  const { accountSid, authToken } = stage.world.twilio;
  /** Calls a webhook as Twilio does. */
  const call = async (
    path: string,
    params: Record<string, string>,
    o: { token?: string; signature?: string; headers?: Record<string, string> } = {},
  ) => {
    const all: Record<string, string> = { AccountSid: accountSid, ApiVersion: '2010-04-01', ...params };
    const signature = o.signature ?? twilio.getExpectedTwilioSignature(o.token ?? authToken, `${base}${path}`, all);
    const answer = await fetch(`${stage.service.url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Twilio-Signature': signature, ...o.headers },
      body: new URLSearchParams(all).toString(),
    });
    return { status: answer.status, body: await answer.text() };
  };
  const inbound = (sid: string, body: string, from = zelda) =>
    [`/twilio/inbound`, { MessageSid: sid, From: from, To: number, Body: body, NumMedia: '0' }] as const;
  const sid = (n: number) => `SM${String(n).padStart(32, '0')}`;
  return Object.assign(stage, { id, call, inbound, sid });
}

/** A sent message’s own address for news of it. */
async function sent(stage: Awaited<ReturnType<typeof ready>>) {
  const request = await stage.others.ask(stage.id);
  await stage.idle();
  const [row] = await stage.rows(request);
  return { request, path: `/twilio/status/${row!.id}`, sid: row!.sid! };
}

describe('the webhook profile', () => {
  it('takes signed news of a message, in any order, however often, and answers nothing to the phone', async () => {
    const stage = await ready();
    const { request, path, sid } = await sent(stage);
    const news = { MessageSid: sid, SmsSid: sid, MessageStatus: 'delivered', To: zelda, From: number };
    expect(await stage.call(path, news)).toEqual({ status: 200, body: expect.stringMatching(empty) });
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered' }]);
    // Replayed, and older news after it.
    expect((await stage.call(path, news)).status).toBe(200);
    expect((await stage.call(path, { ...news, MessageStatus: 'sent' })).status).toBe(200);
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered' }]);
    expect(stage.logged()).not.toContain(zelda);
  });

  it('takes a text to a number behind a Messaging Service for the service, though its list cannot be had', async () => {
    const service = `MG${'5'.repeat(32)}`;
    const stage = await ready({}, [{ number: service, kind: 'service', binding }]);
    const [path, text] = stage.inbound(stage.sid(1), 'STOP');
    expect((await stage.call(path, text)).status).toBe(404);
    expect((await stage.call(path, { ...text, MessagingServiceSid: service })).status).toBe(200);
    await stage.idle();
    await eventually(async () => (await stage.sql('SELECT 1 FROM opt_out')).length === 1);
    expect(await stage.sql('SELECT sender, source FROM opt_out')).toEqual([{ sender: service, source: 'keyword' }]);
  });

  it('refuses what is forged, signed for another address or account, unknown, malformed or too large', async () => {
    const stage = await ready();
    const { request, path, sid } = await sent(stage);
    const news = { MessageSid: sid, MessageStatus: 'failed', ErrorCode: '30005', To: zelda, From: number };
    const forged: [Record<string, string>, object][] = [
      [news, { signature: 'AAAA' }],
      [news, { signature: '' }],
      [news, { token: 'another-token-of-somebody' }],
      [{ ...news, AccountSid: `AC${'0'.repeat(32)}` }, {}],
    ];
    for (const [params, o] of forged) {
      expect(await stage.call(path, params, o)).toEqual({ status: 403, body: expect.stringMatching(empty) });
    }
    // Signed for this very text, but sent with another one.
    const signature = twilio.getExpectedTwilioSignature(stage.world.twilio.authToken, `${base}${path}`, news);
    expect((await stage.call(path, { ...news, MessageStatus: 'delivered' }, { signature })).status).toBe(403);
    expect(await stage.call(path, { ...news, MessageSid: stage.sid(7) })).toMatchObject({ status: 404 });
    expect(await stage.call(path, { ...news, MessageSid: 'nonsense' })).toMatchObject({ status: 400 });
    expect((await stage.call(path, { ...news, Body: 'x'.repeat(1_000_000) })).status).toBe(413);
    expect((await stage.call('/twilio/status/00000000-0000-4000-8000-000000000000', news)).status).toBe(404);
    expect((await stage.rows(request))[0]!.state).not.toBe('failed');
    expect(stage.logged()).not.toMatch(/5550142/);
  });

  it('accepts both tokens while they change', async () => {
    const stage = await ready({ TWILIO_AUTH_TOKEN_NEXT: 'the-token-of-tomorrow' });
    const { path, sid } = await sent(stage);
    const news = { MessageSid: sid, MessageStatus: 'sent' };
    expect((await stage.call(path, news, { token: 'the-token-of-tomorrow' })).status).toBe(200);
    expect((await stage.call(path, news)).status).toBe(200);
    expect((await stage.call(path, news, { token: 'the-token-of-yesterday' })).status).toBe(403);
  });

  it('keeps a text that comes in, works on it at once, and knows it again when it is fetched', async () => {
    const stage = await ready();
    stage.world.act({ do: 'text', mobile: zelda, to: number, body: 'STOP' });
    const real = stage.world.twilioMessages(0).find((one) => one.direction === 'inbound')!;
    expect(await stage.call(...stage.inbound(real.sid, 'STOP'))).toEqual({
      status: 200,
      body: expect.stringMatching(empty),
    });
    await eventually(async () => (await stage.sql('SELECT 1 FROM opt_out')).length === 1, { what: 'the stop' });
    await stage.room.context.jobs.run('replies', { binding, wait: true });
    expect(await stage.ops('replies.list', { state: 'all' })).toHaveLength(1);
    expect((await stage.call(...stage.inbound(stage.sid(8), 'hello', 'not a number'))).status).toBe(400);
    expect(
      await stage.call('/twilio/inbound', { MessageSid: stage.sid(9), From: zelda, To: '+19995550100', Body: 'x' }),
    ).toMatchObject({
      status: 404,
      body: expect.stringMatching(empty),
    });
  });

  it('needs its public address', async () => {
    await expect(setStage({ senders, env: { WEBHOOKS: 'on' } })).rejects.toThrow('PUBLIC_BASE_URL');
  });

  it('is off unless asked for: then there is nothing to call', async () => {
    const stage = await setStage({ senders });
    for (const path of ['/twilio/inbound', '/twilio/status/00000000-0000-4000-8000-000000000000']) {
      expect((await fetch(`${stage.service.url}${path}`, { method: 'POST' })).status).toBe(404);
    }
    expect(stage.room.callbackFor).toBeNull();
  });
});
