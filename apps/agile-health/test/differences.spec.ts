import { randomUUID } from 'node:crypto';
import { eventually } from '@studybridge/testing';
import type { StoredDifference } from '../src/differences/difference-store';
import type { PreviewLine } from '../src/differences/preview';
import { clearStage, readyFamily, setStage, type Stage } from './harness';

afterEach(clearStage);

const hours = 3_600_000;
const later = (stage: Stage, ms: number) => stage.world.advanceTo(new Date(stage.world.now.getTime() + ms));
const query = <T>(stage: Stage, sql: string, values: unknown[] = []) =>
  stage.service.context.dataSource.query<T[]>(sql, values);

/** Runs the comparison and gives what it found. */
async function compare(stage: Stage): Promise<StoredDifference[]> {
  await stage.ops('differences.now');
  await stage.idle();
  return stage.ops<StoredDifference[]>('differences.list');
}
const short = (found: StoredDifference[]) => found.map(({ kind, cause, fields }) => ({ kind, cause, fields }));
const puts = (stage: Stage) => Object.values(stage.ledger()).map((entry) => entry.puts + entry.armPuts);
/** Somebody else changes a member at the partner, or makes one. */
async function atPartner(stage: Stage, method: 'POST' | 'PUT', body: object, externalId?: string): Promise<void> {
  const member = stage.partner().find((one) => externalId === undefined || one.externalId === externalId);
  const { url, key } = stage.service.context.bindings[0]?.agileHealth ?? {};
  const answer = await fetch(`${url}/v1/programs/ismile/members${method === 'PUT' ? `/${member?.memberId}` : ''}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'If-Match': '*' },
    body: JSON.stringify({ ...member?.details, ...body }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

describe('the nightly comparison', () => {
  it('finds nothing where the three sides agree, or where something is on its way, and changes nothing', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.gateway.newFamily({ part_mobile_number: '617-555-0125', part_consent_date: '' });
    await stage.idle();
    expect(await compare(stage)).toEqual([]);
    // A status that came after the last poll is on its way.
    await stage.ops('status.now');
    later(stage, 600_000);
    stage.world.act({ do: 'text', mobile: '+16175550123', body: 'SI' });
    const requests = stage.gateway.requests.length;
    expect(await compare(stage)).toEqual([]);
    expect(stage.gateway.requests).toHaveLength(requests);
    const fault = { kind: '503' as const, match: { method: 'PUT' }, times: 0 };
    stage.world.addFault('agile', fault);
    await stage.gateway.change(id, { part_first_name: 'Perdita' });
    await stage.heard();
    await stage.ops('differences.now');
    expect(await stage.ops('differences.list')).toEqual([]);
    stage.world.clearFaults();
    await stage.idle();
    expect(puts(stage)).toEqual([1]);
  });

  it('tells who moved; each is repaired by a person’s word, through effects and requested cells', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    await atPartner(stage, 'PUT', { firstName: 'Somebody' });
    later(stage, hours);
    const found = await compare(stage);
    expect(found).toMatchObject([
      { participantId: id, kind: 'DETAILS', cause: 'PARTNER_CHANGED', fields: ['firstName'] },
    ]);
    const { outcome, counts, log } = (await stage.service.context.jobs.runs('agile-compare'))[0] ?? {};
    expect({ outcome, counts, log }).toMatchObject({
      counts: { participants: 1, members: 1, strangers: 0, DETAILS: 1 },
      log: ['DETAILS PARTNER_CHANGED: 1'],
    });
    const [said] = await query<{ envelope: string }>(
      stage,
      `SELECT envelope FROM bus_outbox WHERE topic = 'agile.differences-changed'`,
    );
    expect(JSON.parse(said?.envelope ?? '')).toMatchObject({
      cause: 'reconcile',
      payload: {
        participantId: id,
        differences: [{ kind: 'DETAILS', cause: 'PARTNER_CHANGED', fields: ['firstName'] }],
      },
    });
    expect(said?.envelope).not.toContain('Somebody');
    // Found again: nothing new is said.
    await compare(stage);
    expect(await query(stage, `SELECT 1 FROM bus_outbox WHERE topic = 'agile.differences-changed'`)).toHaveLength(1);
    // By itself nothing goes out.
    expect(puts(stage)).toEqual([1]);

    expect(await stage.ops('differences.repair', { participantId: id, kind: 'DETAILS' })).toMatchObject({
      done: expect.stringContaining('REDCap'),
    });
    await stage.idle();
    expect(stage.partner()[0]?.details).toMatchObject({ firstName: 'Zelda' });
    expect(puts(stage)).toEqual([2]);
    expect(await compare(stage)).toEqual([]);
    expect(await stage.ops('differences.repair', { participantId: id, kind: 'DETAILS' })).toMatchObject({
      done: 'nothing differs any more',
    });
    expect(puts(stage)).toEqual([2]);
    expect(await query(stage, `SELECT 1 FROM bus_outbox WHERE topic = 'agile.differences-changed'`)).toHaveLength(2);
  });

  it('finds a member that the partner lost, and a status that a poll missed', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    const lost = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await stage.idle();
    await stage.ops('status.now');
    await query(stage, `UPDATE member SET status = 'ACTIVE' WHERE participant_id = $1`, [id]);
    const agile = stage.world.snapshot()['agile'] as { members: { externalId: string }[] };
    agile.members.splice(
      agile.members.findIndex((member) => member.externalId === lost),
      1,
    );
    (stage.world as unknown as { agileStandIn: { restore(snapshot: unknown): void } }).agileStandIn.restore(agile);
    later(stage, hours);
    await stage.ops('status.now');
    await query(stage, `UPDATE member SET status = 'ACTIVE' WHERE participant_id = $1`, [id]);
    expect(short(await compare(stage))).toEqual(
      expect.arrayContaining([
        { kind: 'NOT_AT_PARTNER', cause: 'PARTNER_CHANGED', fields: [] },
        { kind: 'STATUS', cause: 'PARTNER_CHANGED', fields: ['status'] },
      ]),
    );
    await stage.ops('differences.repair', { participantId: lost, kind: 'NOT_AT_PARTNER' });
    await stage.ops('differences.repair', { participantId: id, kind: 'STATUS' });
    await stage.idle();
    expect(
      stage
        .partner()
        .map((member) => member.externalId)
        .sort(),
    ).toEqual([id, lost].sort());
    expect(stage.gateway.last(id)).toMatchObject({
      status: stage.partner().find((one) => one.externalId === id)?.status,
    });
    expect(short(await compare(stage)).filter(({ kind }) => kind !== 'CELLS')).toEqual([]);
  });

  it('finds cells that a person overwrote twice; a repair asks for them once more', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    for (const value of ['99', '98']) {
      later(stage, hours);
      stage.gateway.records.set(id, { ...stage.gateway.records.get(id), ag_status: value });
      await stage.gateway.change(id, { ag_status: value });
      await stage.idle();
    }
    expect(short(await compare(stage))).toEqual([{ kind: 'CELLS', cause: 'STAFF_OVERWROTE', fields: ['ag_status'] }]);
    await stage.ops('differences.repair', { participantId: id, kind: 'CELLS' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '10' });
    expect(await compare(stage)).toEqual([]);
  });

  it('leaves to people what is theirs: another arm, several members, a withdrawal taken back, a record that is wrong', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    const wrong = await stage.gateway.newFamily({ part_mobile_number: '12' });
    await stage.gateway.change(id, { rand_arm: '2', rand_date: '2018-09-04' });
    await stage.idle();
    await stage.gateway.change(id, { rand_arm: '3' });
    await stage.idle();
    later(stage, hours);
    expect(short(await compare(stage))).toEqual(
      expect.arrayContaining([
        { kind: 'ARM', cause: 'ARM_CONFLICT', fields: ['arm'] },
        { kind: 'NOT_ENROLLED', cause: 'PHONE_INVALID', fields: [] },
      ]),
    );
    const refused = (participantId: string, kind: string) =>
      expect(stage.ops('differences.repair', { participantId, kind })).rejects.toThrow('CANNOT_REPAIR');
    await refused(id, 'ARM');
    await refused(wrong, 'NOT_ENROLLED');
    await stage.gateway.change(id, { part_withdrawn: '1' });
    await stage.idle();
    await stage.gateway.change(id, { part_withdrawn: '' });
    await stage.idle();
    await stage.ops('status.now');
    later(stage, hours);
    await stage.ops('status.now');
    expect(short(await compare(stage))).toContainEqual({
      kind: 'WITHDRAWAL',
      cause: 'PARTNER_CHANGED',
      fields: ['participation'],
    });
    await refused(id, 'WITHDRAWAL');
    await expect(stage.ops('differences.repair', { participantId: id, kind: 'SURPRISE' })).rejects.toThrow('BAD_ARG');
    // No value and no arm in what a person sees.
    const seen = JSON.stringify([await stage.ops('differences.list'), await stage.ops('enrolment.preview')]);
    expect(seen).not.toMatch(/OHT|CWT|Zelda|617/);
  });
});

describe('a new field in the mapping', () => {
  it('sends nothing by itself, with whatever other news; a preview names it, and a person releases it', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    const quiet = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await stage.idle();
    // As the members were before the mapping had the topic of the texts in it.
    await query(stage, `UPDATE participant SET details_hash = 'before the change'`);
    await query(stage, `UPDATE member SET sent_hash = 'before the change'`);
    for (const one of [id, quiet]) {
      await atPartner(stage, 'PUT', { attributes: { brushFrequency: 'once_daily', topic: 'bottle' } }, one);
    }
    const before = puts(stage);
    await stage.gateway.change(id, { bs_date: '2018-09-04' }, { cause: 'schema' });
    await stage.gateway.change(id, { bs_date: '2018-09-05' });
    later(stage, 5 * hours);
    await stage.ops('status.now');
    await stage.gateway.change(quiet, { bs_date: '2018-09-05' });
    await stage.idle();
    expect(puts(stage)).toEqual(before);
    // It is nobody's attention: every family has it.
    expect(stage.gateway.last(id)).toMatchObject({ attention: [] });
    const preview = await stage.ops<PreviewLine[]>('enrolment.preview');
    expect(preview).toHaveLength(2);
    expect(preview).toContainEqual({
      participantId: id,
      binding: 'ismile.test',
      send: 'update',
      because: 'schema',
      fields: ['attributes.topic'],
    });
    expect(short(await compare(stage))).toContainEqual({
      kind: 'DETAILS',
      cause: expect.stringMatching(/HELD_BY_SCHEMA|BOTH_CHANGED/),
      fields: ['attributes.topic'],
    });

    await stage.ops('enrolment.release', { participantId: id });
    await stage.idle();
    expect(stage.partner().find((one) => one.externalId === id)?.details).toMatchObject({
      attributes: { topic: 'sugary_drinks' },
    });
    expect(puts(stage).sort()).toEqual([1, 2]);
    await expect(stage.ops('enrolment.release', { all: true })).rejects.toThrow('BAD_ARGUMENTS');
    await expect(stage.ops('enrolment.release', {})).rejects.toThrow('BAD_ARGUMENTS');
    expect(await stage.ops('enrolment.release', { all: true, because: 'schema' })).toEqual({ released: 1 });
    await stage.idle();
    expect(puts(stage)).toEqual([2, 2]);
    expect(await stage.ops('enrolment.preview')).toEqual([]);
    expect(await compare(stage)).toEqual([]);
  });

  it('goes along when the family’s own details change', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    await query(stage, `UPDATE participant SET details_hash = 'before the change'`);
    await query(stage, `UPDATE member SET sent_hash = 'before the change'`);
    await stage.gateway.change(id, { part_first_name: 'Perdita' });
    await stage.idle();
    expect(puts(stage)).toEqual([1]);
    expect(stage.partner()[0]?.details).toMatchObject({ firstName: 'Perdita' });
  });
});

describe('going live with a project that runs', () => {
  it('posts nobody of 300 families who are at the partner; who is missing is listed and released by a person', async () => {
    const stage = await setStage();
    const all = 305;
    const number = (n: number) => `617-555-${String(1000 + n)}`;
    // Enrolled under the same ids by an installation that this one knows nothing of.
    const families = [await stage.gateway.newFamily({ part_mobile_number: number(0) })];
    await stage.idle();
    for (let n = 1; n < 300; n += 1) {
      const externalId = randomUUID();
      families.push(externalId);
      stage.gateway.records.set(externalId, { ...readyFamily, part_mobile_number: number(n) });
      await atPartner(stage, 'POST', { externalId, mobile: `+1617555${1000 + n}` });
    }
    expect(stage.partner()).toHaveLength(300);
    const before = JSON.stringify(stage.ledger());
    await query(stage, 'TRUNCATE participant, member, cell, status_poll, effect, effect_lane');
    const missing: string[] = [];
    for (let n = 300; n < all; n += 1) {
      missing.push(await stage.gateway.newFamily({ part_mobile_number: number(n) }, { cause: 'baseline' }));
    }
    for (const id of families) await stage.gateway.change(id, {}, { cause: 'baseline' });
    await stage.idle();
    expect(JSON.stringify(stage.ledger())).toBe(before);
    expect((await stage.status()).studies.ismile).toMatchObject({
      consented: all,
      enrolled: 300,
      held: { BASELINE_NOT_RELEASED: 5 },
    });
    const preview = await stage.ops<PreviewLine[]>('enrolment.preview');
    expect(preview.map(({ participantId, send, because }) => ({ participantId, send, because }))).toEqual(
      [...missing].sort().map((participantId) => ({ participantId, send: 'enrol', because: 'BASELINE_NOT_RELEASED' })),
    );
    await stage.ops('enrolment.release', { participantId: missing[0] });
    await stage.idle();
    expect(stage.partner()).toHaveLength(301);
    await stage.ops('enrolment.release', { all: true, because: 'BASELINE_NOT_RELEASED' });
    await eventually(() => stage.partner().length === all, { timeoutMs: 60_000 });
    await stage.idle();
    expect(Object.values(stage.ledger()).map((entry) => entry.posts)).toEqual(Array(all).fill(1));
    expect(await compare(stage)).toEqual([]);
  }, 240_000);

  it('takes nobody for a family whose id the partner has with somebody else’s details', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    await stage.idle();
    await query(stage, 'TRUNCATE participant, member, cell, status_poll, effect, effect_lane');
    const other = {
      part_first_name: 'Ines',
      part_last_name: 'Montoya',
      part_mobile_number: '617-555-0177',
      child_first_name: 'Bo',
      child_dob: '2016-01-02',
    };
    await stage.gateway.change(id, other, { cause: 'baseline' });
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ memberId: null, held: 'IDENTITY_IN_DOUBT' });
    expect(stage.partner()[0]).toMatchObject({ version: 1, details: { firstName: 'Zelda' } });
    expect(short(await compare(stage))).toContainEqual({
      kind: 'NOT_TAKEN_IN',
      cause: 'IDENTITY_IN_DOUBT',
      fields: [],
    });
    await expect(stage.ops('differences.repair', { participantId: id, kind: 'NOT_TAKEN_IN' })).rejects.toThrow(
      'CANNOT_REPAIR',
    );
  });
});
