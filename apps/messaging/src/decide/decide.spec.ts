import { causeSchema } from '@studybridge/contracts';
import { decide, type Situation } from './decide';

const at = (text: string): Date => new Date(text);

/** Tuesday, eleven in the morning in New York: everything speaks for it. */
const fine: Situation = {
  now: at('2018-10-02T15:00:00Z'),
  plannedAt: at('2018-10-02T14:00:00Z'),
  cause: 'live',
  released: false,
  decidedOn: '2018-10-01',
  goLiveOn: '2018-09-01',
  atClosedWindow: 'hold',
  times: {
    zone: 'America/New_York',
    window: { from: '09:00', to: '20:00' },
    firstDay: null,
    lastDay: null,
    notBefore: null,
    expiresAt: at('2018-10-05T00:00:00Z'),
  },
  waitsForLink: false,
  obstacle: null,
  optedOut: null,
  numberFlagged: false,
  sameText: false,
  switchedOff: null,
  noSender: false,
  cappedUntil: null,
  leastValidityMs: 60_000,
};
const when = (o: Partial<Situation>, times: Partial<Situation['times']> = {}) =>
  decide({ ...fine, ...o, times: { ...fine.times, ...times } });
const held = (reason: string, lookAt = fine.times.expiresAt) => ({ go: 'wait', state: 'held', reason, lookAt });
const never = (state: string, reason: string) => ({ go: 'never', state, reason });

describe('the decision about a message', () => {
  it('lets it go until its window closes', () => {
    expect(when({})).toEqual({ go: 'now', until: at('2018-10-03T00:00:00Z') });
  });

  it('sends nothing by itself for a baseline, a schema change or a restore, nor for what was decided before going live', () => {
    for (const cause of causeSchema.options) {
      const acts = cause === 'live' || cause === 'reconcile';
      expect(when({ cause }).go).toBe(acts ? 'now' : 'wait');
      if (!acts)
        expect(when({ cause })).toEqual(held(cause === 'restore' ? 'RESTORE_NOT_RELEASED' : 'BASELINE_NOT_RELEASED'));
    }
    expect(when({ decidedOn: '2018-08-31' })).toEqual(held('BEFORE_GO_LIVE'));
    expect(when({ decidedOn: '2018-08-31', goLiveOn: null }).go).toBe('now');
    expect(when({ cause: 'baseline', decidedOn: '2018-08-31', released: true }).go).toBe('now');
  });

  it('ends for what cannot come back and holds for what a change may lift', () => {
    expect(when({ optedOut: 'OPTED_OUT' })).toEqual(never('suppressed', 'OPTED_OUT'));
    expect(when({ optedOut: 'ASKED_TO_STOP' })).toEqual(held('ASKED_TO_STOP'));
    for (const reason of ['WITHDRAWN', 'RECORD_DELETED', 'SURVEY_DONE', 'TEXTED_BY_HAND'] as const) {
      expect(when({ obstacle: reason, switchedOff: 'KILL_SWITCH' })).toEqual(never('suppressed', reason));
    }
    for (const reason of ['PHONE_MISSING', 'LANGUAGE_MISSING', 'TEXTING_NOT_ALLOWED', 'IDENTITY_IN_DOUBT'] as const) {
      expect(when({ obstacle: reason })).toEqual(held(reason));
    }
    expect(when({ numberFlagged: true })).toEqual(held('NUMBER_FLAGGED'));
    expect(when({ noSender: true })).toEqual(held('SENDER_NOT_READY'));
    expect(when({ switchedOff: 'KILL_SWITCH' })).toEqual(held('KILL_SWITCH'));
    expect(when({ sameText: true })).toEqual(never('suppressed', 'CAP_REACHED'));
    expect(when({ waitsForLink: true })).toMatchObject({ go: 'wait', state: 'planned' });
  });

  it('waits for room under a cap, and for a person where time brings none', () => {
    expect(when({ cappedUntil: at('2018-10-03T04:00:00Z') })).toEqual(held('CAP_REACHED', at('2018-10-03T04:00:00Z')));
    expect(when({ cappedUntil: at('2018-10-09T04:00:00Z') })).toEqual(held('CAP_REACHED'));
    expect(when({ cappedUntil: 'never' })).toEqual(held('CAP_REACHED'));
  });

  it('holds to the next window, or gives up, as its purpose says; and never flushes what is too late', () => {
    const evening = at('2018-10-03T00:30:00Z');
    expect(when({ now: evening })).toEqual({
      go: 'wait',
      state: 'planned',
      reason: null,
      lookAt: at('2018-10-03T13:00:00Z'),
    });
    expect(when({ now: evening, atClosedWindow: 'drop' })).toEqual(never('expired', 'OUTSIDE_WINDOW'));
    // Asked for before its own day's window opens, it still has that one.
    const early = at('2018-10-02T10:00:00Z');
    expect(when({ now: early, plannedAt: early, atClosedWindow: 'drop' })).toMatchObject({
      go: 'wait',
      state: 'planned',
    });
    expect(when({ now: at('2018-10-05T00:00:00Z') })).toEqual(never('expired', 'EXPIRED'));
    expect(when({ now: at('2018-10-04T23:00:00Z') }, { lastDay: '2018-10-03' })).toEqual(
      never('expired', 'OUTSIDE_WINDOW'),
    );
    // Half a minute before the window closes is too late to hand anything over.
    expect(when({ now: at('2018-10-02T23:59:30Z') })).toMatchObject({ go: 'wait', lookAt: at('2018-10-03T13:00:00Z') });
    expect(when({ now: at('2018-10-02T23:59:30Z') }, { expiresAt: at('2018-10-03T00:00:00Z') })).toEqual(
      never('expired', 'OUTSIDE_WINDOW'),
    );
  });
});
