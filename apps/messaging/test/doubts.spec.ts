import type { Effect } from '@studybridge/effects';
import { putUnderProof } from '@studybridge/service-kit';
import { eventually } from '@studybridge/testing';
import type { SendBody } from '../src/send/plan-send';
import { sendExecutor } from '../src/send/send-executor';
import { clearStage, setStage, type Stage } from './harness';

afterEach(clearStage);

const mobile = '+16175550142';
/** Answers that say nothing of what was done. */
const taken = ['500-after-commit', 'reset-after-commit', 'timeout-after-commit'] as const;
const notTaken = ['500', '502-html', 'reset'] as const;

async function askWithFault(
  stage: Stage,
  kind: (typeof taken)[number] | (typeof notTaken)[number],
  o: { purpose?: string; listLagMs?: number } = {},
): Promise<string> {
  stage.world.changeTwilio({ listLagMs: o.listLagMs ?? 0, hangMs: 4_000, ambiguous: 1, ambiguousKinds: [kind] });
  const id = await stage.others.newPerson({ mobile });
  const request = await stage.others.ask(id, { purpose: o.purpose ?? 'reminder' });
  await stage.idle();
  stage.world.changeTwilio({ ambiguous: 0 });
  return request;
}

/** A process that stands still with its letter noted and the call not begun, until it is told to go on. */
async function heldAtItsNote() {
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  const stage = await setStage({ at: (point) => (point === 'message.noted' ? held : undefined) });
  const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
  const noted = () => stage.rows(request).then(([row]) => row?.state === 'dispatching');
  await eventually(noted, { what: 'the note of the letter' });
  const [row] = await stage.rows(request);
  const effect = { body: { messageId: row?.id ?? '' } } as Effect<SendBody>;
  return { stage, request, effect, goOn };
}

describe('a send of unknown outcome', () => {
  it.each(taken)(
    'that Twilio took (%s) is found in its list, however late that shows it, and followed',
    async (kind) => {
      const stage = await setStage();
      const request = await askWithFault(stage, kind, { listLagMs: 30 * 60_000 });
      expect(await stage.rows(request)).toMatchObject([{ state: 'in-doubt', reason: 'SEND_IN_DOUBT', sid: null }]);
      expect(await stage.get('/status')).toMatchObject({ messaging: { ismile: { inDoubt: 1 } } });
      // Nobody is told before it was looked for long enough.
      expect(stage.others.last(request)).toBeUndefined();
      await stage.playTo('2018-10-03T15:00:00Z');
      expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null, attempt: 1 }]);
      expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
      expect(stage.received(mobile)).toHaveLength(1);
      expect(stage.world.twilioCreates()).toHaveLength(1);
      expect(await stage.ops('messages.in-doubt')).toEqual([]);
      expect(await stage.ops('effects.list', { state: 'in-doubt' })).toEqual([]);
    },
  );

  it.each(notTaken)(
    'that Twilio did not take (%s) is never sent again by itself: closed, as its purpose says',
    async (kind) => {
      const stage = await setStage();
      const request = await askWithFault(stage, kind);
      await stage.playTo('2018-10-05T16:00:00Z');
      expect(stage.others.last(request)).toMatchObject({ state: 'in-doubt', reason: 'SEND_IN_DOUBT' });
      expect(stage.world.twilioCreates()).toHaveLength(1);
      expect((await stage.get<{ attention: object }>('/status')).attention).toEqual({});
      expect(stage.received(mobile)).toEqual([]);
    },
  );

  it('of an invitation is with a person, who settles it: sent, not sent, or once more', async () => {
    const stage = await setStage();
    const ask = async (n: number) => {
      stage.world.changeTwilio({ ambiguous: 1, ambiguousKinds: ['500'] });
      const id = await stage.others.newPerson({ mobile: `+1617555017${n}` });
      const expiresAt = '2018-10-09T00:00:00Z';
      const request = await stage.others.ask(id, { purpose: 'invitation', data: { name: `n${n}` }, expiresAt });
      await stage.idle();
      return request;
    };
    const requests = [await ask(0), await ask(1), await ask(2)];
    stage.world.changeTwilio({ ambiguous: 0 });
    await stage.playTo('2018-10-03T16:00:00Z');
    expect(await stage.get('/status')).toMatchObject({ attention: { SEND_IN_DOUBT: 3 } });
    const listed = await stage.ops<{ messageId: string; requestId: string }[]>('messages.in-doubt');
    expect(listed.map(({ requestId }) => requestId)).toEqual(requests);
    const [sent = '', not = '', again = ''] = listed.map(({ messageId }) => messageId);
    await stage.ops('messages.settle', { messageId: sent, as: 'sent', by: 'Dr. Quimby' });
    await stage.ops('messages.settle', { messageId: not, as: 'not-sent', by: 'Dr. Quimby' });
    await stage.ops('messages.settle', { messageId: again, as: 'again', by: 'Dr. Quimby' });
    await stage.playTo('2018-10-03T17:00:00Z');
    expect(requests.map((request) => stage.others.last(request)?.state)).toEqual(['no-receipt', 'failed', 'delivered']);
    expect(stage.received('+16175550172')).toHaveLength(1);
    expect((await stage.get<{ attention: object }>('/status')).attention).toEqual({});
    await expect(stage.ops('messages.settle', { messageId: again, as: 'again', by: 'x y' })).rejects.toThrow(
      /NOT_POSSIBLE/,
    );
  });

  it('is none where Twilio says so itself, or nothing ever left: 429, a connection refused', async () => {
    const stage = await setStage();
    stage.world.addFault('twilio', { kind: '429', match: { method: 'POST' }, times: 3 });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-02T15:05:00Z');
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
    expect(stage.received(mobile)).toHaveLength(1);
    stage.env['TWILIO_URL'] = 'http://127.0.0.1:9';
    await stage.restart();
    const other = await stage.others.ask(await stage.others.newPerson());
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await stage.rows(other))[0]?.state).toMatch(/queued|dispatching/);
    stage.env['TWILIO_URL'] = stage.worldUrl;
    await stage.restart();
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.others.last(other)).toMatchObject({ state: 'delivered' });
  });

  it('would be sent twice without the rule that not finding proves nothing', async () => {
    putUnderProof({ off: new Set(['positive-only']), at: () => undefined });
    try {
      const stage = await setStage();
      stage.world.changeTwilio({ listLagMs: 3_600_000 });
      // The create, not one of the looks that the service takes at its account by itself.
      stage.world.addFault('twilio', { kind: '500-after-commit', match: { method: 'POST' }, times: 1 });
      await stage.others.ask(await stage.others.newPerson({ mobile }));
      await stage.playTo('2018-10-02T15:10:00Z');
      expect(stage.world.twilioMessages().map(({ to }) => to)).toEqual([mobile, mobile]);
    } finally {
      putUnderProof({ off: new Set(), at: () => undefined });
    }
  });

  it('is none when the process was frozen with the letter noted: it is noted and sent anew', async () => {
    let noted = 0;
    const stage = await setStage({
      at: (point) => {
        if (point === 'message.noted' && ++noted === 1)
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
      },
    });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await eventually(() => noted === 2, { what: 'the second note of the letter' });
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null, attempt: 1 }]);
    expect(stage.world.twilioCreates()).toHaveLength(1);
  });

  it('is none when whoever had it in hand says that it never called, also while it is looked for', async () => {
    const { stage, request, effect, goOn } = await heldAtItsNote();
    const sms = stage.room.channels.get('sms')!;
    const note = await stage.sql<{ at: Date }>('SELECT real_dispatched_at AS at FROM message');
    const takenBack = sendExecutor(stage.room, {
      ...sms,
      find: async () => {
        await stage.sql(`UPDATE message SET state = 'queued', real_dispatched_at = NULL`);
        return null;
      },
    });
    expect(await takenBack.lookUp(effect)).toEqual({ found: false, notCalled: true });
    expect(await stage.rows(request)).toMatchObject([{ state: 'queued', reason: null }]);
    // Nobody says so: in doubt from that moment on, whatever is said later.
    await stage.sql(`UPDATE message SET state = 'dispatching', real_dispatched_at = $1`, [note[0]?.at]);
    expect(await sendExecutor(stage.room, sms).lookUp(effect)).toEqual({ found: false });
    expect(await stage.rows(request)).toMatchObject([{ state: 'in-doubt', reason: 'SEND_IN_DOUBT' }]);
    goOn();
    await stage.playTo('2018-10-02T16:30:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null }]);
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('is not ended by a successor who finds that a frozen process has noted its letter after all', async () => {
    const { stage, request, effect, goOn } = await heldAtItsNote();
    const successor = sendExecutor(stage.room, stage.room.channels.get('sms')!);
    await expect(
      successor.call(effect, { signal: new AbortController().signal, assertMayCall: () => undefined }),
    ).rejects.toMatchObject({
      code: 'NOTED_BY_OTHER',
      errorClass: 'dependency',
    });
    expect(await stage.rows(request)).toMatchObject([{ state: 'dispatching' }]);
    goOn();
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null }]);
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('does not stop the participant’s later messages, nor the others’', async () => {
    const stage = await setStage();
    const request = await askWithFault(stage, '500-after-commit', { listLagMs: 3_600_000 });
    const id = (await stage.sql<{ id: string }>('SELECT participant_id AS id FROM message'))[0]?.id ?? '';
    const next = await stage.others.ask(id, { data: { name: 'again' } });
    await stage.playTo('2018-10-02T15:04:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'in-doubt' }]);
    expect(stage.others.last(next)).toMatchObject({ state: 'delivered' });
  });

  it('keeps the account’s credentials, numbers and texts out of log and errors', async () => {
    const stage = await setStage();
    for (const kind of [...taken, ...notTaken]) await askWithFault(stage, kind, { purpose: 'reminder' });
    stage.world.changeTwilio({ suspended: true });
    await stage.others.ask(await stage.others.newPerson({ mobile: '+16175550177' }), { data: { name: 'Malvolio' } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const text =
      stage.logged() +
      JSON.stringify(await stage.sql('SELECT * FROM effect')) +
      JSON.stringify(await stage.get('/idle'));
    expect(text).toMatch(/TWILIO_LOGIN/);
    const basic = Buffer.from(`${stage.world.twilio.accountSid}:${stage.world.twilio.authToken}`).toString('base64');
    for (const secret of [stage.world.twilio.authToken, basic, 'Malvolio', '5550177', '5550142', 'toothbrush']) {
      expect(text).not.toContain(secret);
    }
    stage.world.changeTwilio({ suspended: false });
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.received('+16175550177')).toHaveLength(1);
  });
});
