import { SettingsError } from '@studybridge/service-kit';
import { eventually } from '@studybridge/testing';
import { previewLine, previewMessage } from '../src/decide/preview-message';
import { clearStage, setStage } from './harness';

afterEach(clearStage);

const binding = 'ismile.test';
const operator = { number: '+12025550111', purpose: 'operator' };

describe('the senders', () => {
  it('are looked at from the start on: one that is not ours, or is somebody else’s too, sends nothing until it is', async () => {
    const stage = await setStage({
      senders: [{ number: '+12025550199', kind: 'long', binding }, operator],
      twilio: {
        numbers: [
          { phoneNumber: '+12025550111', kind: 'long-code', mps: 1, smsUrl: 'https://redcap.example.org/api/?twilio' },
        ],
      },
    });
    const list = () => stage.ops<{ id: string; problem?: string | null }[]>('senders.list');
    await eventually(async () => (await list()).every(({ problem }) => typeof problem === 'string'));
    expect((await list()).map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/not one of the account/),
      expect.stringMatching(/Somebody else’s webhook/),
    ]);
    const request = await stage.others.ask(await stage.others.newPerson());
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'SENDER_NOT_READY' }]);
    expect((await stage.get<{ problems: string[] }>('/idle')).problems.join(' ')).toMatch(/not one of the account/);
    // Settings put right: what was held goes.
    stage.env['SENDERS'] = JSON.stringify([{ number: '+12025550111', kind: 'long', binding }]);
    expect(await stage.ops('messages.stopped')).toHaveLength(2);
    expect(stage.world.twilioCreates()).toEqual([]);
  });

  it('pass where they are in order, and what waited for them goes', async () => {
    const stage = await setStage({ env: { BALANCE_ALERT_BELOW: '500' } });
    await eventually(async () => (await stage.get<{ problems: string[] }>('/idle')).problems.length > 0);
    expect((await stage.get<{ problems: string[] }>('/idle')).problems).toEqual([
      expect.stringMatching(/^The balance at Twilio is down to 100.00 USD/),
    ]);
    expect(await stage.ops('senders.check')).toEqual({ checked: 2, problems: 0 });
    await stage.sql(`UPDATE sender SET problem = 'The number is gone.', remedy = 'x'`);
    const request = await stage.others.ask(await stage.others.newPerson());
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'SENDER_NOT_READY' }]);
    await stage.ops('senders.check');
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
  });

  it('are refused when they are none, twice the same, without a binding; so is a stand-in for production', async () => {
    const refused = async (o: Parameters<typeof setStage>[0]) => {
      const error: unknown = await setStage(o).then(
        () => null,
        (problem: unknown) => problem,
      );
      expect(error).toBeInstanceOf(SettingsError);
      return JSON.stringify((error as SettingsError).complaints);
    };
    expect(await refused({ senders: [{ number: '617', kind: 'fax', binding }] })).toMatch(/SENDERS/);
    expect(await refused({ senders: [{ number: '55512', kind: 'short' }] })).toMatch(/SENDERS/);
    expect(await refused({ senders: [operator, operator] })).toMatch(/SENDERS/);
    expect(await refused({ env: { SENDERS: 'not JSON' } })).toMatch(/not JSON/);
    expect(await refused({ env: { FOLLOW_UP_AFTER_S: '60,soon' } })).toMatch(/FOLLOW_UP_AFTER_S/);
    expect(await refused({ env: { STUDYBRIDGE_ENVIRONMENT: 'production' } })).toMatch(/TWILIO_URL/);
  });
});

describe('a dry run', () => {
  it('says what would become of a request, and changes nothing', async () => {
    const stage = await setStage({ startAt: '2018-10-02T12:30:00Z' });
    const preview = async (participantId: string, data: Record<string, string>) =>
      previewMessage(stage.room.context.dataSource.manager, stage.room, {
        requestId: `try|${participantId}`,
        binding,
        study: 'ismile',
        participantId,
        purpose: 'reminder',
        channel: 'sms',
        template: 'reminder',
        data,
        expiresAt: new Date('2018-10-05T00:00:00Z'),
        cause: 'live',
        correlationId: 'try',
      });
    const spanish = await stage.others.newPerson({ lang: '2', mobile: '+16175550142' });
    const nobody = await stage.others.newPerson({ mobile: '' });
    await stage.idle();
    const before = await stage.sql(
      'SELECT (SELECT count(*) FROM message) AS messages, (SELECT count(*) FROM effect) AS effects',
    );
    const wait = await preview(spanish, { name: 'Orsino' });
    expect(wait).toEqual({
      would: 'wait',
      reason: null,
      at: new Date('2018-10-02T13:00:00Z'),
      language: 'es',
      encoding: 'UCS-2',
      segments: 2,
      cost: expect.closeTo(0.0236, 6) as number,
    });
    expect(previewLine('record 17', 'reminder', wait)).toBe(
      'record 17 reminder: wait, 2018-10-02T13:00:00.000Z, es, 2 segments UCS-2, $0.0236',
    );
    expect(await preview(nobody, { name: 'x' })).toMatchObject({ would: 'hold', reason: 'PHONE_MISSING' });
    expect(await preview(spanish, {})).toMatchObject({ would: 'hold', reason: 'TEMPLATE_DATA_MISSING' });
    expect(
      await stage.sql('SELECT (SELECT count(*) FROM message) AS messages, (SELECT count(*) FROM effect) AS effects'),
    ).toEqual(before);
    expect(stage.world.twilioCreates()).toEqual([]);
  });
});
