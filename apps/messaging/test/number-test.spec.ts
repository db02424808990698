import { randomUUID } from 'node:crypto';
import { clearStage, setStage, type Stage } from './harness';

afterEach(clearStage);

const mobile = '+16175550142';

async function test(
  stage: Stage,
  participantId: string,
): Promise<{ messageId: string; state: string; reason: string | null }> {
  const planned = await stage.ops<{ messageId: string; state: string; reason: string | null }>('numbers.test', {
    participantId,
    by: 'Dr. Quimby',
  });
  await stage.idle();
  return planned;
}
const ended = async (stage: Stage): Promise<unknown[]> => {
  await stage.playTo('2018-10-02T15:10:00Z');
  return stage.ops<unknown[]>('messages.list', { purpose: 'number-test' });
};

describe('a test of a participant’s number', () => {
  it('is a text that is followed to its end, in the language of the family, and not repeated within a day', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile, lang: '2' });
    await stage.idle();
    expect(await test(stage, id)).toMatchObject({ state: 'queued', reason: null });
    expect(await test(stage, id)).toMatchObject({ state: 'suppressed', reason: 'CAP_REACHED' });
    expect(await ended(stage)).toMatchObject([{ state: 'suppressed' }, { state: 'delivered', reason: null }]);
    expect(stage.received(mobile)).toEqual(['Una prueba de su número.']);
    expect(stage.logged()).toMatch(/Dr. Quimby/);
  });

  it('tells staff of a phone that short codes do not reach, and flags a line that takes no texts', async () => {
    const stage = await setStage();
    const landline = '+16175550143';
    stage.world.changeTwilio({
      phones: { [mobile]: { line: 'blocks-short-codes' }, [landline]: { line: 'landline' } },
    });
    const blocked = await stage.others.newPerson({ mobile });
    const fixed = await stage.others.newPerson({ mobile: landline });
    await stage.idle();
    await test(stage, blocked);
    await test(stage, fixed);
    expect(await ended(stage)).toMatchObject([
      { participantId: fixed, state: 'undelivered', reason: 'NUMBER_FLAGGED', attention: 'NUMBER_FLAGGED' },
      { participantId: blocked, state: 'undelivered', reason: 'SHORTCODE_BLOCKED', attention: 'SHORTCODE_BLOCKED' },
    ]);
    expect(await stage.ops('numbers.check', { participantId: fixed })).toMatchObject({
      line: 'landline',
      flagged: true,
    });
  });

  it('goes past no guard: consent, opt-out, number, kill switch, and nobody who is not there', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile, ok: '0' });
    await stage.idle();
    expect(await test(stage, id)).toMatchObject({ state: 'held', reason: 'TEXTING_NOT_ALLOWED' });
    const other = await stage.others.newPerson({ mobile: '' });
    await stage.idle();
    expect(await test(stage, other)).toMatchObject({ state: 'held', reason: 'PHONE_MISSING' });
    await stage.ops('messages.stop', { scope: 'global', by: 'Dr. Quimby' });
    const third = await stage.others.newPerson();
    await stage.idle();
    expect(await test(stage, third)).toMatchObject({ state: 'held', reason: 'KILL_SWITCH' });
    expect(stage.world.twilioCreates()).toEqual([]);
    await expect(test(stage, randomUUID())).rejects.toThrow(/There is no such participant/);
    await expect(stage.ops('numbers.test', { participantId: id })).rejects.toThrow();
  });
});
