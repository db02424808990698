import type { MessageSettled } from '@studybridge/contracts';
import { wantedTexts } from '../scenarios/wanted-texts';
import { checkHandsets } from './check-handsets';

const wanted = wantedTexts({ seed: 1, messages: 40, binding: 'ismile.sandbox' });
const one = wanted.find(({ doubtsToPeople }) => doubtsToPeople)!;
const other = wanted.find(({ doubtsToPeople }) => !doubtsToPeople)!;

type Told = Pick<MessageSettled, 'state' | 'reason'> | null;

function check(text: typeof one, received: number, told: Told, listed = false) {
  const found = checkHandsets({
    wanted: [text],
    received: new Map([[text.mobile, received]]),
    told: new Map(told === null ? [] : [[text.requestId, told]]),
    listed: new Set(listed ? [text.requestId] : []),
  });
  return { ...found, kinds: found.differences.map(({ kind }) => kind) };
}

describe('the handsets', () => {
  it('agree with what was told', () => {
    expect(check(one, 1, { state: 'delivered', reason: null })).toMatchObject({ kinds: [], received: 1 });
    // A carrier without receipts: the phone may have it or not.
    expect(check(one, 1, { state: 'no-receipt', reason: 'NO_RECEIPT' }).kinds).toEqual([]);
    expect(check(one, 0, { state: 'no-receipt', reason: 'NO_RECEIPT' })).toMatchObject({
      kinds: [],
      notReceived: { 'no-receipt NO_RECEIPT': 1 },
    });
    expect(check(one, 0, { state: 'undelivered', reason: 'NUMBER_FLAGGED' }).kinds).toEqual([]);
  });

  it('show what came twice', () => {
    expect(check(one, 2, { state: 'delivered', reason: null }).kinds).toEqual(['doubled']);
  });

  it('show what was lost without a word', () => {
    expect(check(one, 0, null).kinds).toEqual(['silentlyLost']);
    expect(check(one, 0, { state: 'failed', reason: null }).kinds).toEqual(['silentlyLost']);
  });

  it('show when the opposite was told', () => {
    expect(check(one, 0, { state: 'delivered', reason: null }).kinds).toEqual(['wrongEnds']);
    expect(check(one, 1, { state: 'failed', reason: 'UNREACHABLE' }).kinds).toEqual(['wrongEnds']);
    expect(check(one, 1, { state: 'in-doubt', reason: 'SEND_IN_DOUBT' }, true).kinds).toEqual(['wrongEnds']);
    expect(check(one, 1, null).kinds).toEqual(['wrongEnds']);
  });

  it('want a person for a doubt where its purpose says so, and a reason where it does not', () => {
    const doubt = { state: 'in-doubt', reason: 'SEND_IN_DOUBT' } as const;
    expect(check(one, 0, doubt, true)).toMatchObject({ kinds: [], withAPerson: [one.name] });
    expect(check(one, 0, doubt).kinds).toEqual(['silentlyLost']);
    expect(check(other, 0, doubt)).toMatchObject({ kinds: [], withAPerson: [] });
  });
});

describe('the wanted texts', () => {
  it('are the same whenever the seed is, each for a phone of its own', () => {
    expect(wantedTexts({ seed: 1, messages: 40, binding: 'ismile.sandbox' })).toEqual(wanted);
    expect(new Set(wanted.map(({ mobile }) => mobile)).size).toBe(40);
    expect(wantedTexts({ seed: 2, messages: 40, binding: 'ismile.sandbox' })).not.toEqual(wanted);
    expect(() => wantedTexts({ seed: 1, messages: 10_000, binding: 'x' })).toThrow(/numbers/);
  });
});
