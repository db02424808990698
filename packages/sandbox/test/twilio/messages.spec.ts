import twilio from 'twilio';
import { closeWorlds } from '../world/tiny-world';
import { ana, bodies, scene, seconds, shortCode, study, tollFree } from './phones';

afterEach(closeWorlds);

const refusal = async (call: Promise<unknown>) => {
  const error: unknown = await call.then(
    () => new Error('it was not refused'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(twilio.RestException);
  const { status, code, moreInfo } = error as { status: number; code: number; moreInfo?: string };
  return { status, code, moreInfo };
};

describe('a message', () => {
  it('is queued, sent, and on the phone; fetched by its SID all the while', async () => {
    const { world, client } = await scene();
    const created = await client.messages.create({ to: '(617) 555-0123', from: study, body: 'Brush & smile' });
    expect(created).toMatchObject({
      to: ana,
      from: study,
      body: 'Brush & smile',
      status: 'queued',
      direction: 'outbound-api',
      dateSent: null,
      numSegments: '1',
      numMedia: '0',
      price: null,
      errorCode: null,
      dateCreated: world.now,
    });
    expect(created.sid).toMatch(/^SM[0-9a-f]{32}$/);
    const statuses: string[] = [];
    for (let second = 0; second <= 4; second += 1) {
      seconds(world, second === 0 ? 0 : 1);
      statuses.push((await client.messages(created.sid).fetch()).status);
    }
    expect(statuses).toEqual(['sending', 'sent', 'sent', 'sent', 'delivered']);
    expect(await client.messages(created.sid).fetch()).toMatchObject({ price: '-0.00830', dateSent: expect.any(Date) });
    expect(world.handset(ana).received).toEqual([
      expect.objectContaining({ sid: created.sid, from: study, body: 'Brush & smile', segments: 1, by: 'api' }),
    ]);
    expect(await client.balance.fetch()).toMatchObject({ balance: '99.9917', currency: 'USD' });
  });

  it('waits for no other where any number may go at once: what is said of each is the same in any order', async () => {
    const { world, client } = await scene({ twilio: { mps: 0 } });
    for (const to of [ana, '+16175550126', '+16175550125']) {
      await client.messages.create({
        to,
        from: study,
        body: 'Brush & smile, and do not forget the back teeth. '.repeat(4),
      });
    }
    seconds(world, 4);
    const told = (await client.messages.list()).map(({ status, dateSent, dateUpdated }) => [
      status,
      dateSent,
      dateUpdated,
    ]);
    const at = new Date(world.startAt.getTime() + 1_000);
    expect(told).toEqual(Array.from({ length: 3 }, () => ['delivered', at, world.now]));
  });

  it('that nobody knows is not found, and neither is another account', async () => {
    const { client, clientOf, world } = await scene();
    expect(await refusal(client.messages(`SM${'0'.repeat(32)}`).fetch())).toEqual({
      status: 404,
      code: 20404,
      moreInfo: 'https://www.twilio.com/docs/errors/20404',
    });
    const accountSid = `AC${'9'.repeat(32)}`;
    const other = clientOf(world.twilio.apiKeys[0]!.sid, world.twilio.apiKeys[0]!.secret, { accountSid });
    expect(await refusal(other.messages.list({ limit: 1 }))).toMatchObject({ status: 404, code: 20404 });
  });

  it('can be redacted and deleted once it is done, and cancelled only when scheduled', async () => {
    const { world, client } = await scene({
      twilio: { services: [{ sid: `MG${'1'.repeat(32)}`, name: 'Study', senders: [study] }] },
    });
    const { sid } = await client.messages.create({ to: ana, from: study, body: 'secret' });
    expect(await refusal(client.messages(sid).update({ body: '' }))).toMatchObject({ status: 409, code: 20009 });
    expect(await refusal(client.messages(sid).remove())).toMatchObject({ status: 409, code: 20009 });
    expect(await refusal(client.messages(sid).update({ status: 'canceled' }))).toMatchObject({ code: 30409 });
    expect(await refusal(client.messages(sid).update({ body: 'other' }))).toMatchObject({ code: 30400 });
    seconds(world, 10);
    expect(await client.messages(sid).update({ body: '' })).toMatchObject({ body: '', status: 'delivered' });
    expect(await client.messages(sid).remove()).toBe(true);
    expect(await refusal(client.messages(sid).fetch())).toMatchObject({ code: 20404 });
    expect(await client.messages.list({ to: ana })).toEqual([]);
    expect(bodies(world, ana)).toEqual(['secret']);

    const order = {
      to: ana,
      messagingServiceSid: `MG${'1'.repeat(32)}`,
      body: 'later',
      scheduleType: 'fixed' as const,
    };
    const sendAt = new Date(world.now.getTime() + 3_600_000);
    const planned = await client.messages.create({ ...order, sendAt });
    expect(planned).toMatchObject({ status: 'scheduled', from: null, numSegments: '0' });
    expect(await client.messages(planned.sid).update({ status: 'canceled' })).toMatchObject({ status: 'canceled' });
    await client.messages.create({ ...order, sendAt });
    seconds(world, 3_599);
    expect(bodies(world, ana)).toEqual(['secret']);
    seconds(world, 10);
    expect(bodies(world, ana)).toEqual(['secret', 'later']);
    const soon = client.messages.create({ ...order, sendAt: new Date(world.now.getTime() + 299_000) });
    expect(await refusal(soon)).toMatchObject({ code: 35114 });
    const alone = client.messages.create({ to: ana, from: study, body: 'x', scheduleType: 'fixed', sendAt });
    expect(await refusal(alone)).toMatchObject({ code: 35118 });
  });
});

describe('what is refused', () => {
  it.each([
    [{ to: '+15005550001' }, 21211],
    [{ to: '+15005550002' }, 21612],
    [{ to: '+15005550003' }, 21408],
    [{ to: '+15005550004' }, 21610],
    [{ to: '+15005550009' }, 21614],
    [{ to: '+1617555012' }, 21211],
    [{ to: '+11175550123' }, 21211],
    [{ to: 'ana' }, 21211],
    [{ to: '' }, 21604],
    [{ to: '41411' }, 21265],
    [{ to: study }, 21266],
    [{ from: '' }, 21603],
    [{ from: '+12025550199' }, 21606],
    [{ from: 'STUDY' }, 21212],
    [{ from: undefined, messagingServiceSid: `MG${'0'.repeat(32)}` }, 21701],
    [{ body: '' }, 21602],
    [{ body: 'x'.repeat(1_601) }, 21617],
    [{ statusCallback: 'http://my_host/status' }, 21609],
    [{ statusCallback: 'status' }, 21609],
  ])('%j with its code', async (change, code) => {
    const { client, world } = await scene();
    const refused = await refusal(client.messages.create({ to: ana, from: study, body: 'Hi', ...change }));
    expect(refused).toEqual({
      status: code === 21701 ? 404 : 400,
      code,
      moreInfo: `https://www.twilio.com/docs/errors/${code}`,
    });
    expect(world.twilioMessages()).toEqual([]);
    expect(world.twilioCreates()).toMatchObject([{ sid: null, outcome: String(code) }]);
  });

  it('wrong credentials are 401, a suspended account too', async () => {
    const { client, clientOf, world } = await scene();
    const order = { to: ana, from: study, body: 'Hi' };
    const wrong = clientOf(world.twilio.accountSid, 'wrong');
    expect(await refusal(wrong.messages.create(order))).toMatchObject({ status: 401, code: 20003 });
    world.changeTwilio({ suspended: true });
    expect(await refusal(client.messages.create(order))).toMatchObject({ status: 401, code: 20003 });
    const { sid, secret } = world.twilio.apiKeys[0]!;
    world.changeTwilio({ suspended: false });
    const byKey = clientOf(sid, secret, { accountSid: world.twilio.accountSid });
    expect(await byKey.messages.create(order)).toMatchObject({ status: 'queued' });
  });

  it('an area without permission, and whatever a phone is fated to', async () => {
    const { client, world } = await scene();
    world.changeTwilio({ noGeoPermission: ['+52'], phones: { [ana]: { outcome: 'refused-21635' } } });
    const to = (number: string) => refusal(client.messages.create({ to: number, from: study, body: 'Hi' }));
    expect((await to('+525555550100')).code).toBe(21408);
    expect((await to(ana)).code).toBe(21635);
  });
});

describe('test credentials', () => {
  it('know the magic numbers, send nothing, keep nothing, and open nothing else', async () => {
    const { clientOf, world } = await scene();
    const { accountSid, authToken } = world.twilio.testCredentials;
    const test = clientOf(accountSid, authToken);
    const code = async (change: { to?: string; from?: string }) =>
      (await refusal(test.messages.create({ to: ana, from: '+15005550006', body: 'Hi', ...change }))).code;
    expect(await test.messages.create({ to: ana, from: '+15005550006', body: 'Hi' })).toMatchObject({
      status: 'queued',
      accountSid,
    });
    expect(await code({ from: '+15005550001' })).toBe(21212);
    expect(await code({ from: '+15005550007' })).toBe(21606);
    expect(await code({ from: '+15005550008' })).toBe(21611);
    expect(await code({ from: study })).toBe(21606);
    expect(await code({ to: '+15005550001' })).toBe(21211);
    expect(await code({ to: '+15005550004' })).toBe(21610);
    expect(await refusal(test.messages.list({ limit: 1 }))).toMatchObject({ status: 403, code: 20008 });
    seconds(world, 60);
    expect([world.twilioMessages(), bodies(world, ana)]).toEqual([[], []]);
  });
});

describe('what becomes of a message', () => {
  const outcomes = {
    delivered: ['delivered', null, true],
    sent: ['sent', null, true],
    lost: ['sent', null, false],
    'undelivered-30003': ['undelivered', 30003, false],
    'undelivered-30005': ['undelivered', 30005, false],
    'undelivered-30007': ['undelivered', 30007, false],
    'undelivered-30008': ['undelivered', 30008, false],
    'failed-30001': ['failed', 30001, false],
    'failed-30034': ['failed', 30034, false],
    'failed-21610': ['failed', 21610, false],
  } as const;

  it('follows from what is said of the phone', async () => {
    const { world, client } = await scene();
    for (const [outcome, [status, errorCode, isReceived]] of Object.entries(outcomes)) {
      world.changeTwilio({ phones: { [ana]: { outcome: outcome as keyof typeof outcomes } } });
      const { sid } = await client.messages.create({ to: ana, from: study, body: outcome });
      seconds(world, 86_400);
      expect(await client.messages(sid).fetch()).toMatchObject({ status, errorCode });
      expect([outcome, bodies(world, ana).includes(outcome)]).toEqual([outcome, isReceived]);
    }
    world.changeTwilio({ phones: { [ana]: null } });
    expect(world.twilioView().settings.phones).toEqual({});
  });

  it.each([
    ['+15005530003', study, 'undelivered', 30003],
    ['+15005530034', study, 'failed', 30034],
    ['+15005521610', study, 'failed', 21610],
    ['+16175550124', study, 'undelivered', 30006],
    ['+16175550125', shortCode, 'undelivered', 30004],
    ['+16175550125', study, 'delivered', null],
  ])('follows from the number %s, sent from %s', async (to, from, status, errorCode) => {
    const { world, client } = await scene();
    const { sid } = await client.messages.create({ to, from, body: 'Hi' });
    seconds(world, 10);
    expect(await client.messages(sid).fetch()).toMatchObject({ status, errorCode });
    expect(bodies(world, to)).toHaveLength(errorCode === null ? 1 : 0);
  });

  it('follows from the words where a filter knows them', async () => {
    const { world, client } = await scene();
    world.changeTwilio({ filtered: ['FREE'] });
    const { sid } = await client.messages.create({ to: ana, from: study, body: 'A FREE brush' });
    seconds(world, 10);
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'undelivered', errorCode: 30007 });
  });
});

describe('a sender’s queue', () => {
  it('lets so many segments a second through, in order', async () => {
    const { world, client } = await scene();
    const texts = ['one', 'á'.repeat(71), 'three'];
    for (const body of texts) await client.messages.create({ to: ana, from: study, body });
    const at: string[][] = [];
    for (let second = 0; second < 8; second += 1) {
      seconds(world, 1);
      at.push(bodies(world, ana).map((body) => body.slice(0, 3)));
    }
    expect(at.map((list) => list.length)).toEqual([0, 0, 0, 1, 2, 2, 3, 3]);
    expect(at.at(-1)).toEqual(['one', 'ááá', 'thr']);
  });

  it('drops what waits longer than it is valid, and lets the next one have its place', async () => {
    const { world, client } = await scene();
    await client.messages.create({ to: ana, from: study, body: 'x'.repeat(1_500) });
    const late = await client.messages.create({ to: ana, from: study, body: 'late', validityPeriod: 5 });
    await client.messages.create({ to: ana, from: study, body: 'patient', validityPeriod: 600 });
    seconds(world, 4);
    expect((await client.messages(late.sid).fetch()).status).toBe('queued');
    seconds(world, 1);
    expect(await client.messages(late.sid).fetch()).toMatchObject({
      status: 'failed',
      errorCode: 30036,
      dateSent: null,
    });
    seconds(world, 600);
    expect(bodies(world, ana).map((body) => body.slice(0, 8))).toEqual(['xxxxxxxx', 'patient']);
  });

  it('refuses when it is too long, or fails what it took', async () => {
    const { world, client } = await scene();
    world.changeTwilio({ queueLimitMs: 2_000 });
    const send = () => client.messages.create({ to: ana, from: study, body: 'x'.repeat(307) });
    await send();
    expect(await refusal(send())).toMatchObject({ status: 400, code: 21611 });
    world.changeTwilio({ overflow: 'fail' });
    const { sid } = await send();
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'failed', errorCode: 30001 });
    expect((await client.messages.create({ to: ana, from: tollFree, body: 'another sender' })).status).toBe('queued');
  });

  it('is each sender’s own; a service takes the one that is free', async () => {
    const { world, client } = await scene({
      twilio: { services: [{ sid: `MG${'1'.repeat(32)}`, name: 'Study', senders: [study, tollFree] }] },
    });
    const sids: string[] = [];
    for (const body of ['one', 'two']) {
      const message = await client.messages.create({ to: ana, messagingServiceSid: `MG${'1'.repeat(32)}`, body });
      expect(message).toMatchObject({ status: 'accepted', from: null });
      sids.push(message.sid);
    }
    seconds(world, 10);
    const from = await Promise.all(sids.map(async (sid) => (await client.messages(sid).fetch()).from));
    expect([...from].sort()).toEqual([study, tollFree]);
    expect(bodies(world, ana).sort()).toEqual(['one', 'two']);
    const service = await client.messaging.v1.services(`MG${'1'.repeat(32)}`).fetch();
    expect(service.friendlyName).toBe('Study');
  });
});

describe('the list', () => {
  it('comes in pages, newest first, by receiver, sender and day', async () => {
    const { world, client } = await scene();
    for (let n = 0; n < 7; n += 1) await client.messages.create({ to: ana, from: shortCode, body: `text ${n}` });
    await client.messages.create({ to: '+16175550199', from: study, body: 'to somebody else' });
    const paged = await client.messages.list({ to: ana, pageSize: 3 });
    expect(paged.map(({ body }) => body)).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => `text ${n}`));
    expect(await client.messages.list({ pageSize: 1_000 })).toHaveLength(8);
    expect(await client.messages.list({ from: study })).toHaveLength(1);
    expect(await client.messages.list({ limit: 2, pageSize: 1 })).toHaveLength(2);
    const page = await client.messages.page({ to: ana, pageSize: 5 });
    expect(page.instances).toHaveLength(5);
    await client.messages.create({ to: ana, from: shortCode, body: 'meanwhile' });
    const next = await page.nextPage();
    expect(next?.instances.map(({ body }) => body)).toEqual(['text 1', 'text 0']);
    expect(await next?.nextPage()).toBeUndefined();

    const today = world.now;
    expect(await client.messages.list({ to: ana, dateSentAfter: today })).toEqual([]);
    seconds(world, 20);
    const tomorrow = new Date(today.getTime() + 86_400_000);
    expect(await client.messages.list({ to: ana, dateSentAfter: today })).toHaveLength(8);
    expect(await client.messages.list({ to: ana, dateSent: today })).toHaveLength(8);
    expect(await client.messages.list({ to: ana, dateSentBefore: today })).toHaveLength(8);
    expect(await client.messages.list({ to: ana, dateSentAfter: tomorrow })).toEqual([]);
  });

  it('shows what is new late, and what is old as it was, when told to', async () => {
    const { world, client } = await scene();
    world.changeTwilio({ listLagMs: 60_000 });
    const { sid } = await client.messages.create({ to: ana, from: study, body: 'Hi' });
    seconds(world, 59);
    expect(await client.messages.list({ to: ana })).toEqual([]);
    expect((await client.messages(sid).fetch()).status).toBe('delivered');
    seconds(world, 1);
    expect(await client.messages.list({ to: ana })).toMatchObject([{ sid, status: 'delivered' }]);
    world.changeTwilio({ staleReads: 1 });
    expect(await client.messages.list({ to: ana })).toMatchObject([{ sid, status: 'sent' }]);
    expect((await client.messages(sid).fetch()).status).toBe('sent');
  });
});

describe('the account', () => {
  it('has its numbers, codes, lines and deactivated numbers', async () => {
    const { world, client, url } = await scene({
      twilio: {
        numbers: [
          { phoneNumber: study, kind: 'long-code', mps: 1, smsUrl: 'https://redcap.example/twilio' },
          { phoneNumber: shortCode, kind: 'short-code', mps: 100 },
        ],
      },
    });
    const [number, ...others] = await client.incomingPhoneNumbers.list({ phoneNumber: study });
    expect(others).toEqual([]);
    expect(number).toMatchObject({ phoneNumber: study, smsUrl: 'https://redcap.example/twilio' });
    expect(number!.capabilities).toMatchObject({ sms: true });
    expect(await client.incomingPhoneNumbers.list({ phoneNumber: '+12025550199' })).toEqual([]);
    await client.incomingPhoneNumbers(number!.sid).update({ smsUrl: '' });
    expect((await client.incomingPhoneNumbers(number!.sid).fetch()).smsUrl).toBeNull();
    expect(await client.shortCodes.list({ shortCode })).toMatchObject([{ shortCode, smsUrl: null }]);
    expect(await client.api.v2010.accounts(world.twilio.accountSid).fetch()).toMatchObject({ status: 'active' });

    const look = (phone: string) => client.lookups.v2.phoneNumbers(phone).fetch({ fields: 'line_type_intelligence' });
    expect(await look(ana)).toMatchObject({ valid: true, lineTypeIntelligence: { type: 'mobile' } });
    expect(await look('+16175550124')).toMatchObject({ valid: true, lineTypeIntelligence: { type: 'landline' } });
    expect(await look('+1617555')).toMatchObject({ valid: false, validationErrors: ['TOO_SHORT'] });
    world.changeTwilio({ deactivated: [{ number: ana, date: '2018-09-01' }], phones: { [ana]: { line: 'voip' } } });
    expect(await look(ana)).toMatchObject({ lineTypeIntelligence: { type: 'nonFixedVoip' } });
    const { accountSid, authToken } = world.twilio;
    // The client does not give the redirect away; the address is the API's all the same.
    const list = await fetch(`${url}/twilio/messaging/v1/Deactivations?Date=2018-09-01`, {
      headers: { authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}` },
    });
    expect(await list.text()).toBe(`${ana}\n`);
  });
});
