import { eventually } from '@studybridge/testing';
import { clearStage, setStage, type Stage } from './harness';

afterEach(clearStage);

const hours = 3_600_000;
const later = (stage: Stage, ms: number) => stage.world.advanceTo(new Date(stage.world.now.getTime() + ms));
const fault = (stage: Stage, fault: Parameters<Stage['world']['addFault']>[1]) => stage.world.addFault('agile', fault);
const posts = (stage: Stage) => Object.values(stage.ledger()).map((entry) => entry.posts);

describe('a consented family', () => {
  it('becomes a member with one POST, gets its arm when it is randomised, and its status stands in REDCap', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    const [member] = stage.partner();
    expect(member).toMatchObject({ externalId: id, version: 1, status: 'RECEIVED', arm: null });
    expect(member?.details).toMatchObject({
      firstName: 'Zelda',
      mobile: '+16175550123',
      language: 'es',
      siteCode: 'BMC',
    });
    expect(stage.gateway.cells(id)).toEqual({
      ag_member_id: member?.memberId,
      ag_enroll_status: '2',
      ag_status: '10',
      ag_status_label: 'Received',
      ag_status_date: '2018-09-04 13:00:00',
      ag_last_sent_hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      ag_needs_attention: '0',
      ag_last_timestamp: '2018-09-04 13:00:00',
    });

    later(stage, 10 * 60_000);
    stage.world.act({ do: 'text', mobile: '+16175550123', body: 'SI' });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '30', ag_optin_date: '2018-09-04 13:10:00' });

    await stage.gateway.change(id, { rand_arm: '3', rand_date: '2018-09-04' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ arm: 'CWT', status: 'ACTIVE' });
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_status: '40',
      ag_arm_sent: '3',
      ag_arm_sent_ts: '2018-09-04 13:10:00',
    });
    expect(await stage.status()).toMatchObject({
      studies: { ismile: { consented: 1, enrolled: 1, armAssigned: 1, statusWritten: 1, held: {} } },
      calls: { partnerPosts: 1, partnerPuts: 1 },
      attention: {},
    });
    expect(stage.gateway.last(id)).toEqual({
      participantId: id,
      memberId: member?.memberId,
      status: 'ACTIVE',
      statusAt: '2018-09-04T17:10:00.000Z',
      held: null,
      attention: [],
    });
  });

  it('is held with its reason until the gate opens', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily({ baseline_survey_complete: '0' });
    const other = await stage.gateway.newFamily({ part_consent_date: '' });
    await stage.idle();
    expect(stage.partner()).toEqual([]);
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_enroll_status: '8',
      ag_last_error: 'BASELINE_SURVEY_INCOMPLETE',
    });
    expect(stage.gateway.cells(other)).toEqual({});
    expect((await stage.status()).studies.ismile).toMatchObject({
      consented: 1,
      enrolled: 0,
      held: { BASELINE_SURVEY_INCOMPLETE: 1 },
    });
    await stage.gateway.change(id, { baseline_survey_complete: '2' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_enroll_status: '2' });
    expect(stage.gateway.cells(id)['ag_last_error']).toBeUndefined();
  });

  it('with a code that the mapping does not know is held alone', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily({ bs_brush_freq: '7' });
    const other = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ held: 'UNKNOWN_CODE', attention: ['UNKNOWN_CODE'] });
    expect(stage.gateway.last(other)).toMatchObject({ held: null, status: 'RECEIVED' });
  });

  it('is not enrolled twice by messages that come twice, nor woken by what did not change', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    const again = await stage.gateway.change(id, { bs_date: '2018-09-04' });
    await stage.idle();
    const requests = stage.gateway.requests.length;
    await stage.gateway.again('redcap.participant-changed', id, again);
    await stage.gateway.change(id, { bs_date: '2018-09-05' });
    await stage.idle();
    expect(posts(stage)).toEqual([1]);
    expect(stage.gateway.requests).toHaveLength(requests);
    expect((await stage.status()).calls).toEqual({ partnerPosts: 1, partnerPuts: 0 });
  });
});

describe('calls that fail', () => {
  it('finds the member after a time-out instead of creating a second one', async () => {
    const stage = await setStage();
    fault(stage, { kind: 'timeout-after-commit', match: { method: 'POST' }, ms: 100 });
    const id = await stage.gateway.newFamily();
    await stage.idle();
    expect(Object.values(stage.ledger())).toMatchObject([{ posts: 1, postRepeats: 0 }]);
    expect(stage.gateway.cells(id)).toMatchObject({ ag_enroll_status: '2', ag_status: '10' });
  });

  it('gets no second member from a partner that forgets, whatever it answers', async () => {
    const stage = await setStage();
    fault(stage, { kind: 'content-type', match: { method: 'POST' } });
    fault(stage, { kind: 'forgetful', times: 0 });
    await stage.gateway.newFamily();
    await stage.idle();
    expect(posts(stage)).toEqual([1]);
  });

  it('brings a found member up to date when the details changed meanwhile', async () => {
    const stage = await setStage();
    fault(stage, { kind: 'timeout-after-commit', match: { method: 'POST' }, ms: 300 });
    const id = await stage.gateway.newFamily();
    await stage.gateway.change(id, { child_first_name: 'Sebastian' });
    await stage.idle();
    expect(stage.partner()).toHaveLength(1);
    expect(stage.partner()[0]?.details).toMatchObject({ childFirstName: 'Sebastian' });
    expect(posts(stage)).toEqual([1]);
  });

  it('survives dying between the call and its record', async () => {
    let deaths = 2;
    const stage = await setStage({
      at: (point) => {
        if (['enrol.posted', 'arm.put'].includes(point) && deaths-- > 0) throw new Error('died');
      },
    });
    fault(stage, { kind: 'forgetful', times: 0 });
    const id = await stage.gateway.newFamily({ rand_arm: '2', rand_date: '2018-09-04' });
    await stage.idle();
    expect(Object.values(stage.ledger())).toMatchObject([{ posts: 1, armPuts: 1, armRepeats: 0 }]);
    expect(stage.gateway.cells(id)).toMatchObject({ ag_enroll_status: '2', ag_arm_sent: '2' });
  });

  it.each([
    { kind: '429', ms: 1_000 },
    { kind: '503' },
    { kind: 'content-type' },
    { kind: 'truncated' },
    { kind: 'empty' },
    { kind: 'reset' },
  ] as const)('heals after $kind without parking anybody', async (spec) => {
    const stage = await setStage();
    fault(stage, { ...spec, times: 2 });
    const id = await stage.gateway.newFamily();
    await stage.idle();
    expect(posts(stage)).toEqual([1]);
    expect(stage.gateway.cells(id)).toMatchObject({ ag_enroll_status: '2', ag_needs_attention: '0' });
    expect(await stage.ops('effects.parked')).toEqual([]);
  });

  it('sends what is true at last, not what was planned, after the partner was away', async () => {
    const stage = await setStage();
    const away = fault(stage, { kind: '503', times: 0 });
    const id = await stage.gateway.newFamily();
    const left = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await eventually(async () => (await stage.get('/idle')).includes('PARTNER_FAILED'));
    await stage.gateway.change(id, { part_mobile_number: '617-555-0199' });
    await stage.gateway.change(left, { part_withdrawn: '1' });
    await stage.heard();
    stage.world.clearFaults(away.id);
    await stage.idle();
    expect(stage.partner()).toMatchObject([{ externalId: id, version: 1, details: { mobile: '+16175550199' } }]);
    expect(stage.gateway.last(left)).toMatchObject({ held: 'WITHDRAWN', memberId: null });
    expect((await stage.status()).calls).toEqual({ partnerPosts: 1, partnerPuts: 0 });
  });

  it('waits with a key that the partner does not accept, and names it nowhere', async () => {
    const stage = await setStage({ env: { AGILE_HEALTH_KEY: 'wrong-key-0123456789' } });
    await stage.gateway.newFamily();
    await eventually(async () => (await stage.get('/idle')).includes('PARTNER_KEY'));
    expect(await stage.ops('effects.parked')).toEqual([]);
    expect(stage.logged()).not.toContain('wrong-key');
    expect((await stage.status()).studies.ismile.held).toEqual({ PARTNER_PENDING: 1 });
  });
});

describe('several replicas', () => {
  it('enrol each of many families once, with a partner that fails and forgets', async () => {
    const stage = await setStage({ replicas: 3 });
    fault(stage, { kind: 'forgetful', times: 0, match: { method: 'POST', bodyIncludes: '"en"' } });
    fault(stage, { kind: 'timeout-after-commit', match: { method: 'POST' }, times: 4, ms: 50 });
    fault(stage, { kind: '503', times: 5, match: { method: 'PUT' } });
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        stage.gateway.newFamily({
          part_first_name: `Zelda${n}`,
          part_lang: n % 2 === 0 ? '1' : '2',
          part_mobile_number: `617-555-${String(3000 + n)}`,
          rand_arm: n % 3 === 0 ? '2' : '3',
          rand_date: '2018-09-04',
        }),
      ),
    );
    await Promise.all(ids.map((id) => stage.gateway.change(id, { child_first_name: 'Sebastian' })));
    await stage.idle();
    expect(stage.partner()).toHaveLength(60);
    expect(new Set(stage.partner().map((member) => member.externalId))).toEqual(new Set(ids));
    for (const entry of Object.values(stage.ledger()))
      expect(entry).toMatchObject({ posts: 1, armPuts: 1, armRepeats: 0 });
    expect(stage.partner().every((member) => member.details['childFirstName'] === 'Sebastian')).toBe(true);
    expect((await stage.status()).studies.ismile).toEqual({
      consented: 60,
      enrolled: 60,
      armAssigned: 60,
      statusWritten: 60,
      held: {},
    });
  });
});

describe('what the partner refuses', () => {
  it('holds the second family of a shared phone until its number changes', async () => {
    const stage = await setStage();
    await stage.gateway.newFamily();
    await stage.idle();
    const second = await stage.gateway.newFamily({ part_first_name: 'Perdita' });
    await stage.idle();
    expect(stage.gateway.cells(second)).toMatchObject({
      ag_enroll_status: '9',
      ag_last_error: 'DUPLICATE_MOBILE',
      ag_needs_attention: '1',
      ag_attention_reason: 'DUPLICATE_MOBILE',
    });
    expect(await stage.status()).toMatchObject({
      studies: { ismile: { consented: 2, enrolled: 1, held: { DUPLICATE_MOBILE: 1 } } },
      attention: { DUPLICATE_MOBILE: 1 },
    });
    await stage.gateway.change(second, { bs_topic_choice: '3' });
    await stage.idle();
    expect(stage.gateway.last(second)).toMatchObject({ held: 'DUPLICATE_MOBILE' });
    await stage.gateway.change(second, { part_mobile_number: '617-555-0150' });
    await stage.idle();
    expect(stage.partner()).toHaveLength(2);
    expect(stage.gateway.cells(second)).toMatchObject({ ag_enroll_status: '2', ag_needs_attention: '0' });
    expect(stage.gateway.cells(second)['ag_attention_reason']).toBeUndefined();
  });

  it('holds a family whose details it does not take, names the field, and asks again on release', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily({ child_first_name: 'O'.repeat(61) });
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ held: 'REFUSED_FIELDS', attention: ['REFUSED_FIELDS'] });
    expect(await stage.ops('members.list')).toMatchObject([
      { participantId: id, held: 'REFUSED_FIELDS', refusedFields: ['childFirstName:TOO_LONG'] },
    ]);
    await stage.ops('enrolment.release', { participantId: id });
    await stage.idle();
    expect((await stage.status()).calls.partnerPosts).toBe(2);
    expect(stage.gateway.last(id)).toMatchObject({ held: 'REFUSED_FIELDS' });
  });
});

describe('law 7', () => {
  it('adopts who is at the partner, holds who is not, and sends nothing at a baseline', async () => {
    const stage = await setStage();
    const known = await stage.gateway.newFamily();
    await stage.idle();
    const { memberId } = stage.partner()[0] ?? {};
    // A new installation that knows nothing, over the same records and ids.
    await stage.service.context.dataSource.query('TRUNCATE participant, member, cell, status_poll');
    const unknown = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' }, { cause: 'baseline' });
    await stage.gateway.change(known, {}, { cause: 'baseline' });
    await stage.idle();
    expect(stage.gateway.last(known)).toMatchObject({ memberId, held: null, status: 'RECEIVED' });
    expect(stage.gateway.last(unknown)).toMatchObject({ memberId: null, held: 'BASELINE_NOT_RELEASED' });
    expect(stage.gateway.cells(unknown)).toMatchObject({
      ag_enroll_status: '8',
      ag_last_error: 'BASELINE_NOT_RELEASED',
    });

    await stage.gateway.change(unknown, { bs_topic_choice: '4' });
    await stage.idle();
    expect((await stage.status()).calls).toEqual({ partnerPosts: 1, partnerPuts: 0 });
    await stage.ops('enrolment.release', { participantId: unknown });
    await stage.idle();
    expect(stage.gateway.last(unknown)).toMatchObject({ held: null, status: 'RECEIVED' });
    expect(stage.partner()).toHaveLength(2);
  });

  it('flags what differs at an adopted member, and sends it when the record changes', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    await stage.service.context.dataSource.query('TRUNCATE participant, member, cell, status_poll');
    await stage.gateway.change(id, { part_first_name: 'Perdita' }, { cause: 'restore' });
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ attention: ['OUT_OF_STEP'] });
    expect(stage.partner()[0]).toMatchObject({ version: 1 });
    await stage.gateway.change(id, { bs_topic_choice: '4' }, { cause: 'reconcile' });
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ attention: [] });
    expect(stage.partner()[0]).toMatchObject({ version: 2, details: { firstName: 'Perdita' } });
  });

  it('holds consents from before the go-live day and consents that are too old', async () => {
    const stage = await setStage({ goLiveAt: '2018-09-04T03:00:00Z', startAt: '2018-10-20T17:00:00Z' });
    const early = await stage.gateway.newFamily({ part_consent_date: '2018-09-02' });
    const old = await stage.gateway.newFamily({ part_consent_date: '2018-09-04', part_mobile_number: '617-555-0124' });
    await stage.idle();
    expect((await stage.status()).studies.ismile.held).toEqual({ BEFORE_GO_LIVE: 1, EXPIRED: 1 });
    await stage.ops('enrolment.release', { participantId: old });
    await stage.ops('enrolment.release', { participantId: early });
    await stage.idle();
    expect(stage.partner()).toHaveLength(2);
  });
});

describe('an enrolment that waits too long', () => {
  it('shows as pending after a day, and expires with its consent instead of going out late', async () => {
    const stage = await setStage();
    fault(stage, { kind: '503', times: 0, match: { path: 'externalId' } });
    const id = await stage.gateway.newFamily();
    await stage.heard();
    expect(stage.gateway.cells(id)).toEqual({});
    await stage.ops('status.now');
    await eventually(() => stage.gateway.cells(id)['ag_enroll_status'] === '0');
    expect(stage.gateway.cells(id)).toMatchObject({ ag_last_error: 'PARTNER_PENDING' });
    stage.world.advanceTo(new Date('2018-10-05T04:00:00Z'));
    stage.world.clearFaults();
    await stage.idle();
    expect(stage.partner()).toEqual([]);
    expect(stage.gateway.cells(id)).toMatchObject({ ag_enroll_status: '8', ag_last_error: 'EXPIRED' });
    expect((await stage.status()).calls.partnerPosts).toBe(0);
  });
});

describe('a record that goes', () => {
  it('has nothing more sent for it when it is deleted; its member is flagged', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    const requests = stage.gateway.requests.length;
    await stage.gateway.change(id, { rand_arm: '2', rand_date: '2018-09-04' }, { presence: 'deleted' });
    await stage.idle();
    later(stage, 2 * hours);
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ arm: null, version: 1 });
    expect(stage.gateway.requests).toHaveLength(requests);
    expect(stage.gateway.last(id)).toMatchObject({ attention: ['OUT_OF_STEP'] });
    expect((await stage.status()).studies.ismile).toMatchObject({ consented: 0, enrolled: 0 });
    expect(await stage.ops('attention.list')).toMatchObject([{ participantId: id, reason: 'OUT_OF_STEP' }]);
  });

  it('is held while it is in doubt whose record it is', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    const other = await stage.gateway.newFamily({}, {});
    await stage.gateway.change(other, { part_mobile_number: '617-555-0124' }, { presence: 'in-doubt' });
    await stage.gateway.change(id, { part_first_name: 'Perdita' }, { presence: 'in-doubt' });
    await stage.idle();
    expect(stage.partner()).toMatchObject([{ externalId: id, version: 1 }]);
    expect(stage.gateway.last(other)).toMatchObject({ held: 'IDENTITY_IN_DOUBT' });
    await stage.gateway.change(other, {});
    await stage.gateway.change(id, {});
    await stage.idle();
    expect(stage.partner()).toHaveLength(2);
    expect(stage.partner()[0]).toMatchObject({ version: 2 });
  });
});
