import type { ReasonCode } from '@studybridge/contracts';
import { decide, expiredOn } from './decide';
import type { Decision, Refusal, Situation } from './situation';

const ready: Situation = {
  presence: 'present',
  consented: true,
  consentDate: '2018-09-04',
  withdrawn: false,
  gate: null,
  details: { hash: 'h1' },
  arm: null,
  acts: true,
  released: false,
  baselineHold: false,
  heldDetails: null,
  heldArm: null,
  holdCause: null,
  adoption: 'none',
  goLiveOn: '2018-09-01',
  today: '2018-09-04',
  expiresAfterDays: 30,
  member: null,
  open: { enrol: null, update: null, arm: null, withdraw: null },
  refusal: null,
};
const known = { sentHash: 'h1', arm: null, withdrawn: false };
const oht = { arm: 'OHT', randomizedOn: '2018-09-05' };
const refusal = (kind: Refusal['kind'], reason: ReasonCode, content: string): Refusal => ({
  kind,
  reason,
  content,
  fields: [],
});
const of = (more: Partial<Situation>): Decision => decide({ ...ready, ...more });
const nothing = { adopt: false, enrol: null, update: null, arm: null, withdraw: null };

describe('a family that is not at the partner', () => {
  it('is enrolled when it is ready', () => {
    expect(of({})).toMatchObject({ held: 'PARTNER_PENDING', sends: { ...nothing, enrol: 'h1' }, problems: [] });
  });

  it('means nothing before it has consented', () => {
    expect(of({ consented: false, gate: 'NOT_ELIGIBLE' })).toMatchObject({ held: null, sends: nothing, problems: [] });
  });

  it('is held with the gate’s reason, and what was refused may be tried again after it', () => {
    expect(of({ gate: 'PHONE_INVALID' })).toMatchObject({ held: 'PHONE_INVALID', sends: nothing, problems: [] });
    const after = of({ gate: 'PHONE_INVALID', refusal: refusal('enrol', 'DUPLICATE_MOBILE', 'h1') });
    expect(after.refusalOver).toBe(true);
  });

  it('takes a planned enrolment back when the gate closes', () => {
    expect(of({ gate: 'NOT_ELIGIBLE', open: { ...ready.open, enrol: 'h1' } }).sends.enrol).toBeNull();
  });

  it('is held when its details cannot be mapped', () => {
    expect(of({ details: { problem: 'UNKNOWN_CODE' } })).toMatchObject({
      held: 'UNKNOWN_CODE',
      problems: ['UNKNOWN_CODE'],
      sends: nothing,
    });
  });

  it.each(['DUPLICATE_MOBILE', 'REFUSED_FIELDS'] as const)('stays held by %s until its details change', (reason) => {
    const refused = { refusal: refusal('enrol', reason, 'h1') };
    expect(of(refused)).toMatchObject({ held: reason, problems: [reason], sends: nothing, refusalOver: false });
    expect(of({ ...refused, details: { hash: 'h2' } })).toMatchObject({
      held: 'PARTNER_PENDING',
      sends: { enrol: 'h2' },
      refusalOver: true,
    });
  });

  it('is held when the consent is older than the go-live day, but not on that day', () => {
    expect(of({ goLiveOn: '2018-09-05' })).toMatchObject({ held: 'BEFORE_GO_LIVE', sends: nothing });
    expect(of({ goLiveOn: '2018-09-04' }).sends.enrol).toBe('h1');
    expect(of({ goLiveOn: null }).sends.enrol).toBe('h1');
  });

  it('is held when the consent has expired', () => {
    expect(of({ today: '2018-10-04' }).sends.enrol).toBe('h1');
    expect(of({ today: '2018-10-05' })).toMatchObject({ held: 'EXPIRED', sends: nothing });
    expect(of({ consentDate: 'soon' })).toMatchObject({ held: 'EXPIRED' });
    expect(expiredOn('2018-12-15', 30)).toBe('2019-01-15');
  });

  it('keeps an enrolment that was decided in time', () => {
    const open = { ...ready.open, enrol: 'h1' };
    expect(of({ today: '2018-12-01', open })).toMatchObject({ held: 'PARTNER_PENDING', sends: { enrol: 'h1' } });
  });

  it.each([{ goLiveOn: '2019-01-01' }, { today: '2019-01-01' }, { baselineHold: true }, { acts: false }])(
    'is enrolled once a person released it: %o',
    (more) => {
      expect(of({ ...more, released: true }).sends).toEqual({ ...nothing, enrol: 'h1' });
    },
  );
});

describe('a baseline, a change of schema, a restore', () => {
  it('sends nothing but looks for the family at the partner', () => {
    expect(of({ acts: false })).toMatchObject({
      held: 'PARTNER_PENDING',
      sends: { ...nothing, adopt: true },
      baselineHold: true,
    });
    expect(of({ acts: false, adoption: 'pending' }).sends).toEqual({ ...nothing, adopt: true });
  });

  it('holds who is not there, also when the record changes later', () => {
    const missing = of({ acts: false, adoption: 'missing' });
    expect(missing).toMatchObject({ held: 'BASELINE_NOT_RELEASED', sends: nothing, baselineHold: true });
    expect(of({ baselineHold: missing.baselineHold, adoption: 'missing' })).toMatchObject({
      held: 'BASELINE_NOT_RELEASED',
      sends: nothing,
    });
  });

  it('does not hold a family that becomes ready only afterwards', () => {
    const early = of({ acts: false, adoption: 'missing', gate: 'BASELINE_SURVEY_INCOMPLETE' });
    expect(early).toMatchObject({ held: 'BASELINE_SURVEY_INCOMPLETE', baselineHold: false });
    expect(of({ adoption: 'missing', baselineHold: early.baselineHold }).sends.enrol).toBe('h1');
  });

  it('waits with a change that comes before the look-up ended', () => {
    expect(of({ acts: true, adoption: 'pending', baselineHold: true })).toMatchObject({
      held: 'PARTNER_PENDING',
      sends: { enrol: null, adopt: true },
    });
  });

  it('flags what an adopted member lacks instead of sending it', () => {
    const adopted = { acts: false, adoption: 'found' as const };
    expect(of({ ...adopted, member: { ...known, sentHash: 'h0' } })).toMatchObject({
      sends: nothing,
      problems: ['OUT_OF_STEP'],
    });
    expect(of({ ...adopted, member: known, arm: oht })).toMatchObject({ sends: nothing, problems: ['OUT_OF_STEP'] });
    expect(of({ ...adopted, member: known })).toMatchObject({ sends: nothing, problems: [] });
  });

  it('still ends the contact with who has withdrawn', () => {
    expect(of({ acts: false, adoption: 'found', member: known, withdrawn: true }).sends.withdraw).toBe('withdrawn');
    expect(of({ acts: false, withdrawn: true, gate: 'WITHDRAWN' })).toMatchObject({
      held: 'WITHDRAWN',
      sends: { ...nothing, adopt: true },
    });
  });
});

describe('a member', () => {
  it('is left alone while nothing changes', () => {
    expect(of({ member: known })).toMatchObject({ held: null, sends: nothing, problems: [] });
  });

  it('is updated when the mapped details differ, whatever was adopted', () => {
    expect(of({ member: { ...known, sentHash: 'h0' } }).sends).toEqual({ ...nothing, update: 'h1' });
    expect(of({ member: { ...known, sentHash: null } }).sends.update).toBe('h1');
    expect(of({ member: { ...known, sentHash: 'h0' }, goLiveOn: '2019-01-01' }).sends.update).toBe('h1');
  });

  it('takes a planned update back when the details return', () => {
    expect(of({ member: known, open: { ...ready.open, update: 'h2' } }).sends.update).toBeNull();
  });

  it('shows a refused update until the details change or return', () => {
    const refused = { member: { ...known, sentHash: 'h0' }, refusal: refusal('update', 'REFUSED_FIELDS', 'h1') };
    expect(of(refused)).toMatchObject({ problems: ['REFUSED_FIELDS'], sends: nothing, refusalOver: false, held: null });
    expect(of({ ...refused, details: { hash: 'h2' } })).toMatchObject({
      problems: [],
      sends: { update: 'h2' },
      refusalOver: true,
    });
    expect(of({ ...refused, details: { hash: 'h0' } })).toMatchObject({ sends: nothing, refusalOver: true });
  });

  it('is not sent details that may not be sent', () => {
    expect(of({ member: { ...known, sentHash: 'h0' }, gate: 'PHONE_MISSING' })).toMatchObject({
      sends: nothing,
      problems: ['OUT_OF_STEP'],
    });
    expect(of({ member: known, details: { problem: 'UNKNOWN_CODE' } }).problems).toEqual(['UNKNOWN_CODE']);
    expect(of({ member: { ...known, sentHash: 'h0' }, gate: 'BASELINE_SURVEY_INCOMPLETE' }).sends.update).toBe('h1');
  });

  it('gets its arm once it is randomised, and never another one', () => {
    expect(of({ member: known, arm: oht }).sends).toEqual({ ...nothing, arm: 'OHT' });
    expect(of({ member: { ...known, arm: 'OHT' }, arm: oht })).toMatchObject({ sends: nothing, problems: [] });
    expect(of({ member: { ...known, arm: 'CWT' }, arm: oht })).toMatchObject({
      sends: nothing,
      problems: ['ARM_CONFLICT'],
    });
    expect(of({ member: { ...known, arm: 'OHT' }, arm: null }).problems).toEqual(['ARM_CONFLICT']);
  });

  it('does not get an arm that the partner refused, that is not known, or that is older than the go-live', () => {
    const locked = refusal('arm', 'ARM_CONFLICT', 'OHT');
    expect(of({ member: known, arm: oht, refusal: locked })).toMatchObject({
      sends: nothing,
      problems: ['ARM_CONFLICT'],
    });
    expect(
      of({ member: known, arm: { arm: 'CWT', randomizedOn: '2018-09-05' }, refusal: locked }).sends.arm,
    ).toBeNull();
    expect(of({ member: known, arm: { problem: 'UNKNOWN_CODE' } })).toMatchObject({
      sends: nothing,
      problems: ['UNKNOWN_CODE'],
    });
    const early = { arm: 'OHT', randomizedOn: '2018-08-31' };
    expect(of({ member: known, arm: early })).toMatchObject({ sends: nothing, problems: ['OUT_OF_STEP'] });
    expect(of({ member: known, arm: early, released: true }).sends.arm).toBe('OHT');
  });

  it('is withdrawn at once, whatever was refused or cannot be mapped', () => {
    const withdrawn: Partial<Situation> = {
      member: known,
      withdrawn: true,
      gate: 'WITHDRAWN',
      details: { problem: 'UNKNOWN_CODE' },
      refusal: refusal('update', 'REFUSED_FIELDS', 'h2'),
      open: { ...ready.open, update: 'h2', arm: 'OHT' },
    };
    expect(of(withdrawn)).toMatchObject({ held: null, sends: { ...nothing, withdraw: 'withdrawn' } });
    expect(of({ ...withdrawn, member: { ...known, withdrawn: true } })).toMatchObject({ sends: nothing, problems: [] });
    expect(of({ ...withdrawn, refusal: refusal('withdraw', 'OUT_OF_STEP', 'withdrawn') })).toMatchObject({
      sends: nothing,
      problems: ['OUT_OF_STEP'],
    });
  });

  it('that has withdrawn at the partner alone is a person’s affair', () => {
    expect(of({ member: { ...known, withdrawn: true, sentHash: 'h0' }, arm: oht })).toMatchObject({
      sends: nothing,
      problems: ['OUT_OF_STEP'],
    });
  });

  it('without a consent is a person’s affair', () => {
    expect(of({ consented: false, member: known })).toMatchObject({ sends: nothing, problems: ['OUT_OF_STEP'] });
  });
});

describe('a record that is gone or in doubt', () => {
  const everything: Partial<Situation> = {
    arm: oht,
    open: { enrol: 'h1', update: 'h2', arm: 'OHT', withdraw: 'withdrawn' },
  };

  it('has nothing sent for it when it is deleted', () => {
    expect(of({ ...everything, presence: 'deleted' })).toMatchObject({ held: 'RECORD_DELETED', sends: nothing });
    expect(of({ ...everything, presence: 'deleted', member: known, withdrawn: true })).toMatchObject({
      held: null,
      sends: nothing,
      problems: ['OUT_OF_STEP'],
    });
    expect(of({ presence: 'deleted', member: { ...known, withdrawn: true } }).problems).toEqual([]);
  });

  it('has nothing sent for it while its identity is in doubt', () => {
    expect(of({ ...everything, presence: 'in-doubt' })).toMatchObject({
      held: 'IDENTITY_IN_DOUBT',
      sends: nothing,
      problems: ['IDENTITY_IN_DOUBT'],
    });
    expect(of({ ...everything, presence: 'in-doubt', member: known, withdrawn: true })).toMatchObject({
      held: null,
      sends: nothing,
    });
  });
});

describe('withdrawn before anything was sent', () => {
  it('is held and its enrolment taken back', () => {
    expect(of({ withdrawn: true, gate: 'WITHDRAWN', open: { ...ready.open, enrol: 'h1' } })).toMatchObject({
      held: 'WITHDRAWN',
      sends: nothing,
    });
  });
});
