import { clearStage, partnerKey, readyFamily, setStage, type Stage } from './harness';

afterEach(clearStage);

const hours = 3_600_000;
const later = (stage: Stage, ms: number) => stage.world.advanceTo(new Date(stage.world.now.getTime() + ms));
const fault = (stage: Stage, fault: Parameters<Stage['world']['addFault']>[1]) => stage.world.addFault('agile', fault);

async function enrolled(o: Parameters<typeof setStage>[0] = {}, values: Record<string, string> = {}) {
  const stage = await setStage(o);
  const id = await stage.gateway.newFamily(values);
  await stage.idle();
  return { stage, id };
}

/** A change at the partner that did not come from us. */
async function putByHand(stage: Stage, body: object): Promise<void> {
  const url = stage.service.context.bindings[0]?.agileHealth?.url ?? '';
  const [member] = stage.partner();
  const response = await fetch(`${url}/v1/programs/ismile/members/${member?.memberId}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${partnerKey}`, 'If-Match': `"${member?.version}"` },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

describe('changed details', () => {
  it('are sent once each, with the new number checked anew', async () => {
    const { stage, id } = await enrolled();
    later(stage, hours);
    await stage.gateway.change(id, { part_mobile_number: '617-555-0199' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ version: 2, details: { mobile: '+16175550199' } });
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '11', ag_status_date: '2018-09-04 14:00:00' });
    await stage.gateway.change(id, { part_email: 'zelda@example.org' });
    await stage.idle();
    expect((await stage.status()).calls).toEqual({ partnerPosts: 1, partnerPuts: 1 });
  });

  it('meet a version that moved: read again, and sent with it', async () => {
    const { stage, id } = await enrolled();
    await putByHand(stage, { language: 'en' });
    await stage.gateway.change(id, { child_first_name: 'Sebastian' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ version: 3, details: { childFirstName: 'Sebastian', language: 'es' } });
  });

  it('are not sent again when the partner already has them under a newer version', async () => {
    const { stage, id } = await enrolled();
    await putByHand(stage, { childFirstName: 'Sebastian' });
    await stage.gateway.change(id, { child_first_name: 'Sebastian' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ version: 2 });
  });

  it('are found again after a time-out instead of being sent twice', async () => {
    const { stage, id } = await enrolled();
    fault(stage, { kind: 'timeout-after-commit', match: { method: 'PUT' }, ms: 100 });
    await stage.gateway.change(id, { child_first_name: 'Sebastian' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ version: 2, details: { childFirstName: 'Sebastian' } });
    expect(Object.values(stage.ledger())).toMatchObject([{ puts: 1 }]);
  });

  it('that are refused wait for a correction, and a withdrawal goes past them', async () => {
    const { stage, id } = await enrolled();
    await stage.gateway.change(id, { child_first_name: 'O'.repeat(61), rand_arm: '2', rand_date: '2018-09-04' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_enroll_status: '2',
      ag_last_error: 'REFUSED_FIELDS',
      ag_attention_reason: 'REFUSED_FIELDS',
    });
    expect(await stage.ops('effects.parked')).toMatchObject([{ participantId: id, code: 'REFUSED_FIELDS' }]);
    expect(stage.partner()[0]).toMatchObject({ arm: null });

    await stage.gateway.change(id, { part_withdrawn: '1' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ status: 'WITHDRAWN', arm: null, participation: 'withdrawn' });
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '80', ag_needs_attention: '0' });
    expect((await stage.status()).studies.ismile).toMatchObject({ consented: 1, enrolled: 1, held: {} });
  });

  it('that were refused are sent when corrected, and what waited behind them follows', async () => {
    const { stage, id } = await enrolled();
    await stage.gateway.change(id, { child_first_name: 'O'.repeat(61), rand_arm: '2', rand_date: '2018-09-04' });
    await stage.idle();
    await stage.gateway.change(id, { child_first_name: 'Olivia' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ arm: 'OHT', details: { childFirstName: 'Olivia' } });
    expect(stage.gateway.cells(id)).toMatchObject({ ag_needs_attention: '0', ag_arm_sent: '2' });
  });
});

describe('a withdrawal', () => {
  it('goes out while the partner is failing, as soon as it answers at all', async () => {
    const { stage, id } = await enrolled();
    fault(stage, { kind: '503', times: 3 });
    fault(stage, { kind: 'timeout-after-commit', match: { method: 'PUT' }, ms: 100 });
    await stage.gateway.change(id, { part_first_name: 'Perdita' });
    await stage.gateway.change(id, { part_withdrawn: '1' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ status: 'WITHDRAWN' });
    expect(Object.values(stage.ledger())).toMatchObject([{ puts: 1 }]);
  });

  it('is not taken back by itself', async () => {
    const { stage, id } = await enrolled();
    await stage.gateway.change(id, { part_withdrawn: '1' });
    await stage.idle();
    await stage.gateway.change(id, { part_withdrawn: '0', part_first_name: 'Perdita' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ status: 'WITHDRAWN', version: 2 });
    expect(stage.gateway.last(id)).toMatchObject({ attention: ['OUT_OF_STEP'] });
  });
});

describe('the arm', () => {
  it('is sent once and not changed when REDCap changes; the conflict is flagged without naming it', async () => {
    const { stage, id } = await enrolled({}, { rand_arm: '2', rand_date: '2018-09-04' });
    await stage.gateway.change(id, { rand_arm: '3' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ arm: 'OHT' });
    expect(stage.gateway.cells(id)).toMatchObject({ ag_arm_sent: '2', ag_attention_reason: 'ARM_CONFLICT' });
    expect((await stage.status()).calls).toEqual({ partnerPosts: 1, partnerPuts: 1 });
    await stage.gateway.change(id, { rand_arm: '2' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_needs_attention: '0' });
  });

  it('that the partner already has otherwise is a conflict', async () => {
    const { stage, id } = await enrolled();
    const url = stage.service.context.bindings[0]?.agileHealth?.url ?? '';
    await fetch(`${url}/v1/programs/ismile/members/${stage.partner()[0]?.memberId}/arm`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${partnerKey}` },
      body: JSON.stringify({ arm: 'CWT', randomizedOn: '2018-09-04' }),
    });
    await stage.gateway.change(id, { rand_arm: '2', rand_date: '2018-09-04' });
    await stage.idle();
    expect(stage.partner()[0]).toMatchObject({ arm: 'CWT' });
    expect(stage.gateway.last(id)).toMatchObject({ attention: ['ARM_CONFLICT'] });
  });
});

describe('statuses', () => {
  it('need attention by the passing of time alone', async () => {
    const { stage, id } = await enrolled();
    later(stage, 10 * 60_000);
    stage.world.act({ do: 'text', mobile: '+16175550123', body: 'YES' });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ status: 'OPTED_IN', attention: [] });
    // 07:16 and 11:16 UTC: the job's own schedule finds it on the day after next.
    for (const at of ['2018-09-05T07:16:00Z', '2018-09-05T11:16:00Z', '2018-09-06T07:16:00Z']) {
      stage.world.advanceTo(new Date(at));
      await stage.idle();
    }
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_attention_reason: 'ARM_WAITING',
      ag_last_timestamp: '2018-09-06 03:16:00',
    });
    await stage.gateway.change(id, { rand_arm: '2', rand_date: '2018-09-06' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '40', ag_needs_attention: '0' });
  });

  it('that nobody knows are kept raw and flagged', async () => {
    const { stage, id } = await enrolled();
    stage.world.act({ do: 'partner', mobile: '+16175550123', status: 'ON_THE_MOON' });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_status: '99',
      ag_status_label: 'ON_THE_MOON',
      ag_attention_reason: 'UNKNOWN_STATUS',
    });
    expect((await stage.status()).studies.ismile.statusWritten).toBe(1);
  });

  it('that an answer tells too late are asked for again, and change nothing', async () => {
    const { stage, id } = await enrolled();
    later(stage, 10 * 60_000);
    await stage.ops('status.now');
    fault(stage, { kind: 'stale', match: { method: 'GET' } });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ status: 'OPT_IN_SENT', attention: [] });
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '20', ag_needs_attention: '0' });
  });

  it('that go backwards are kept and flagged until they make sense again, however long ago they changed', async () => {
    const { stage, id } = await enrolled();
    later(stage, 10 * 60_000);
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.last(id)).toMatchObject({ status: 'OPT_IN_SENT', attention: [] });
    fault(stage, { kind: 'stale', match: { method: 'GET' }, times: 0 });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '11', ag_attention_reason: 'UNKNOWN_STATUS' });
    // Two polls on, what changed before them is not asked for any more.
    for (let poll = 0; poll < 2; poll += 1) {
      later(stage, 20 * 3_600_000);
      await stage.ops('status.now');
    }
    stage.world.clearFaults();
    later(stage, 20 * 3_600_000);
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '20', ag_needs_attention: '0' });
  });

  it('of a STOP during the programme are flagged, and START clears it', async () => {
    const { stage, id } = await enrolled({}, { rand_arm: '2', rand_date: '2018-09-04' });
    later(stage, 10 * 60_000);
    for (const body of ['YES', 'STOP']) stage.world.act({ do: 'text', mobile: '+16175550123', body });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({
      ag_status: '70',
      ag_optout_date: '2018-09-04 13:10:00',
      ag_attention_reason: 'OPTED_OUT_EARLY',
    });
    stage.world.act({ do: 'text', mobile: '+16175550123', body: 'START' });
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '20', ag_needs_attention: '0' });
  });

  it('of many members come in pages, one missing from an answer is seen in the next poll, and a poll alone writes nothing', async () => {
    const stage = await setStage();
    for (let n = 0; n < 103; n += 1) {
      await stage.gateway.newFamily({
        part_first_name: `Zelda${n}`,
        part_mobile_number: `617-555-${String(2000 + n)}`,
      });
    }
    await stage.idle();
    expect((await stage.status()).studies.ismile).toMatchObject({ enrolled: 103, statusWritten: 103 });
    later(stage, 10 * 60_000);
    fault(stage, { kind: 'missing-rows', rows: 3, match: { method: 'GET', path: 'changedSince' } });
    await stage.ops('status.now');
    await stage.idle();
    const sent = () => [...stage.gateway.records.values()].filter((record) => record['ag_status'] === '20').length;
    expect(sent()).toBe(100);
    await stage.ops('status.now');
    await stage.idle();
    expect(sent()).toBe(103);
    const requests = stage.gateway.requests.length;
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.requests).toHaveLength(requests);
  }, 120_000);
});

describe('cells', () => {
  it('are asked for once more when they changed since they were seen', async () => {
    const stage = await setStage();
    stage.gateway.refuse = [{ field: 'ag_status', reason: 'VALUE_CHANGED', holds: '50' }];
    const id = await stage.gateway.newFamily();
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '10', ag_needs_attention: '0' });
    expect(stage.gateway.requests).toHaveLength(2);
    expect(stage.gateway.requests[1]?.payload.cells).toContainEqual(
      expect.objectContaining({ field: 'ag_status', value: '10', basedOn: '50' }),
    );
  });

  it('are left and flagged when they were refused twice', async () => {
    const stage = await setStage();
    const changed = { field: 'ag_status', reason: 'VALUE_CHANGED', holds: '50' } as const;
    stage.gateway.refuse = [changed, { ...changed, holds: '42' }];
    const id = await stage.gateway.newFamily();
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '42', ag_attention_reason: 'STAFF_OVERWROTE' });
    expect((await stage.status()).studies.ismile).toMatchObject({ enrolled: 1, statusWritten: 0 });
  });

  it('that a person overwrites are asserted once more, then left and flagged', async () => {
    const { stage, id } = await enrolled();
    for (const value of ['50', '42']) {
      later(stage, 60_000);
      await stage.gateway.change(id, { ag_status: value });
      await stage.idle();
      if (value === '50') expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '10', ag_needs_attention: '0' });
    }
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '42', ag_attention_reason: 'STAFF_OVERWROTE' });
  });

  it('are not taken for overwritten by a reading from before the write', async () => {
    const { stage, id } = await enrolled();
    const asOf = stage.world.now;
    const written = { ...stage.gateway.records.get(id) };
    later(stage, 10 * 60_000);
    await stage.ops('status.now');
    await stage.idle();
    const requests = stage.gateway.requests.length;
    const now = { ...stage.gateway.records.get(id) };
    await stage.gateway.change(id, { ag_status: written['ag_status'] ?? '' }, { asOf });
    stage.gateway.records.set(id, now);
    await stage.idle();
    expect(stage.gateway.requests).toHaveLength(requests);
  });

  it('that are refused for another reason are flagged and tried again with the next change', async () => {
    const stage = await setStage();
    stage.gateway.refuse = [{ field: 'ag_status', reason: 'DRIFT', holds: '' }];
    const id = await stage.gateway.newFamily();
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_attention_reason: 'DRIFT' });
    await stage.gateway.change(id, { bs_date: '2018-09-04' });
    await stage.idle();
    expect(stage.gateway.cells(id)).toMatchObject({ ag_status: '10', ag_needs_attention: '0' });
  });

  it('move the timestamp only together with another one', async () => {
    const { stage } = await enrolled();
    for (const { payload } of stage.gateway.requests) {
      const fields = payload.cells.map((cell) => cell.field);
      expect(fields.filter((field) => field !== 'ag_last_timestamp').length).toBeGreaterThan(0);
    }
  });
});

describe('a restart', () => {
  it('changes nothing', async () => {
    const { stage } = await enrolled({}, { rand_arm: '2', rand_date: '2018-09-04' });
    const requests = stage.gateway.requests.length;
    const before = (await stage.status()).studies;
    await stage.restart();
    await stage.ops('status.now');
    await stage.idle();
    expect(stage.gateway.requests).toHaveLength(requests);
    expect(await stage.status()).toMatchObject({ studies: before, calls: { partnerPosts: 0, partnerPuts: 0 } });
  });
});

describe('what identifies, and the arm', () => {
  it('stand in no log, metric, status, answer of a command or table', async () => {
    const { stage, id } = await enrolled({}, { rand_arm: '2', rand_date: '2018-09-04' });
    await stage.gateway.change(id, { child_first_name: 'O'.repeat(61) });
    fault(stage, { kind: '503', times: 2 });
    await stage.idle();
    await stage.ops('status.now');
    const tables = await Promise.all(
      ['participant', 'member', 'cell', 'effect', 'bus_outbox', 'bus_inbox', 'job_run'].map(async (table) =>
        JSON.stringify(await stage.service.context.dataSource.query(`SELECT * FROM ${table}`)),
      ),
    );
    const answers = [
      await stage.get('/metrics'),
      await stage.get('/status'),
      await stage.get('/idle'),
      JSON.stringify(await stage.ops('members.list')),
      JSON.stringify(await stage.ops('attention.list')),
      JSON.stringify(await stage.ops('effects.list', { participantId: id })),
      JSON.stringify(stage.gateway.members),
    ];
    const identifying = [
      readyFamily['part_first_name'],
      readyFamily['part_last_name'],
      'Orsino',
      '555-0123',
      '6175550123',
    ];
    for (const text of [...answers, stage.logged(), ...tables]) {
      for (const word of identifying) expect(text).not.toContain(word);
      expect(text).not.toContain(partnerKey);
    }
    for (const text of [...answers, stage.logged()]) expect(text).not.toMatch(/\b(OHT|CWT)\b/);
  });
});
