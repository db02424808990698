import { eventually } from '@studybridge/testing';
import { clearStage, family, fieldsOf, setStage, type CellWish } from './stage';

afterEach(clearStage);

async function ready(env: Record<string, string> = {}) {
  const stage = await setStage({ env });
  stage.save('1', { ...family, rand_arm: '2', rand_date: '2018-09-04' });
  stage.save('2', family);
  await stage.poll();
  stage.pass(15);
  return stage;
}

const outcomes = async (stage: Awaited<ReturnType<typeof ready>>) =>
  (await stage.settled()).flatMap((one) =>
    one.payload.cells.map((cell) => [cell.field, cell.outcome, cell.reason ?? cell.value] as const),
  );

describe('writing', () => {
  it('writes wanted cells of several participants in one call, settles them, and says no change of its own', async () => {
    const stage = await ready();
    const one = await stage.participant('1');
    const two = await stage.participant('2');
    const imports = (await stage.status()).calls.redcapImports;
    const wishes: CellWish[] = [
      { field: 'ag_status', value: '10' },
      { field: 'ag_status_label', value: 'RECEIVED' },
      { field: 'ag_last_timestamp', value: '2018-09-04 13:15:00' },
    ];
    await Promise.all([stage.request(one.id, wishes), stage.request(two.id, wishes)]);
    await stage.idle();
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10', ag_last_timestamp: '2018-09-04 13:15:00' });
    expect(await stage.cells('2')).toMatchObject({ ag_status_label: 'RECEIVED' });
    const status = await stage.status();
    expect(status.writes).toMatchObject({ applied: 6, refused: {} });
    expect(status.calls.redcapImports - imports).toBeLessThanOrEqual(2);
    const settled = await stage.settled();
    expect(settled.map((each) => each.correlationId).sort()).toEqual(
      [`c-${one.id.slice(0, 8)}-1`, `c-${two.id.slice(0, 8)}-1`].sort(),
    );

    const before = (await stage.changed()).length;
    stage.pass(15);
    expect(await stage.poll()).toMatchObject({ changed: 0 });
    expect(await stage.poll('full-comparison')).toMatchObject({ changed: 0 });
    expect(await stage.changed()).toHaveLength(before);
    // And the whole state said next holds them.
    stage.save('1', { part_lang: '1' });
    await stage.poll();
    const last = (await stage.changed()).at(-1)!.payload;
    expect(fieldsOf(last.changed)).toEqual(['part_lang']);
    expect(last.rows.find((row) => row.instrument === 'agile_link')?.values.ag_status).toBe('10');
  });

  it('clears only the named field, and sends only what differs', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    await stage.request(id, [
      { field: 'ag_status', value: '10' },
      { field: 'ag_last_error', value: 'asked again' },
    ]);
    await stage.idle();
    await stage.request(id, [
      { field: 'ag_status', value: '10', basedOn: '10' },
      { field: 'ag_last_error', value: '', basedOn: 'asked again' },
    ]);
    await stage.idle();
    const cells = await stage.cells('1');
    expect(cells).toMatchObject({ ag_status: '10', part_last_name: 'Quimby-Ortiz' });
    expect(cells).not.toHaveProperty('ag_last_error');
    const log = await stage.client().log({ record: '1' });
    expect(log[0]!.details).toBe("ag_last_error = ''");
  });

  it.each<[string, CellWish & { owner?: string }]>([
    ['UNKNOWN_EVENT', { field: 'ag_status', value: '10', event: 'ghost_arm_1' }],
    [
      'WRONG_ARM',
      {
        field: 'vt_target_date',
        value: '2018-11-04',
        event: '2_month_arm_3',
        instrument: 'visit_tracking',
        owner: 'visit-tracking',
      },
    ],
    ['NOT_DESIGNATED', { field: 'ag_status', value: '10', event: '2_month_arm_2' }],
    ['UNKNOWN_FIELD', { field: 'ag_colour', value: '10' }],
    ['UNKNOWN_FIELD', { field: 'ag_status', value: '10', instrument: 'visit_tracking' }],
    ['INVALID_VALUE', { field: 'ag_status', value: '55' }],
    ['INVALID_VALUE', { field: 'ag_status_date', value: '4 September' }],
    ['NOT_OWNED', { field: 'part_lang', value: '1', basedOn: '2', instrument: 'participant_info' }],
    ['NOT_OWNED', { field: 'ag_status', value: '10', owner: 'messaging' }],
    ['VALUE_CHANGED', { field: 'ag_status', value: '10', basedOn: '30' }],
    ['TIMESTAMP_ALONE', { field: 'ag_last_timestamp', value: '2018-09-04 13:15:00' }],
  ])('refuses: %s', async (reason, { owner, ...wish }) => {
    const stage = await ready();
    const before = await stage.client().exportRecords({});
    const { id } = await stage.participant('1');
    await stage.request(id, [wish], owner);
    await stage.idle();
    expect(await outcomes(stage)).toEqual([[wish.field, 'refused', reason]]);
    expect((await stage.status()).writes.refused).toEqual({ [reason]: 1 });
    expect(await stage.ops('writes.list', { reason })).toMatchObject([{ field: wish.field, reason }]);
    expect(await stage.client().exportRecords({})).toEqual(before);
  });

  it('refuses a participant who is unknown, and one who was deleted', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.world.act({ do: 'delete-record', record: '1', user: 'ra_jones' });
    // Not polled yet: REDCap itself says that the record is gone.
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect((await outcomes(stage)).at(-1)).toEqual(['ag_status', 'refused', 'UNKNOWN_RECORD']);
    await stage.poll();
    await stage.request(id, [{ field: 'ag_status', value: '11' }]);
    await stage.idle();
    expect((await outcomes(stage)).at(-1)).toEqual(['ag_status', 'refused', 'RECORD_DELETED']);
    await stage.request('7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11', [{ field: 'ag_status', value: '11' }]);
    await stage.idle();
    expect((await outcomes(stage)).at(-1)).toEqual(['ag_status', 'refused', 'UNKNOWN_RECORD']);
    expect(await stage.client().exportRecords({ records: ['1'] })).toEqual([]);
  });

  it('writes the event of the participant’s own arm, and a new repeat instance by number', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    const place = { event: '2_month_arm_2', instrument: 'sms_survey_log', instance: 1 };
    await stage.request(id, [{ ...place, field: 'txt_twilio_status', value: 'queued' }], 'messaging');
    await stage.idle();
    expect(await outcomes(stage)).toEqual([['txt_twilio_status', 'applied', 'queued']]);
    stage.save('1', { txt_manual_date: '2018-09-05' }, '2_month_arm_2', { instrument: 'sms_survey_log', instance: 2 });
    await stage.request(id, [{ ...place, instance: 2, field: 'txt_twilio_status', value: 'queued' }], 'messaging');
    await stage.idle();
    expect((await outcomes(stage)).at(-1)).toEqual(['txt_twilio_status', 'refused', 'INSTANCE_TAKEN']);
  });

  it('opens a sealed value for the import and the read-back only', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    const number = { event: '2_month_arm_2', instrument: 'sms_survey_log', instance: 1, field: 'txt_mobile_number' };
    const status = { ...number, field: 'txt_twilio_status' };
    const rest: string[] = [];
    stage.hooks.at = async () => void rest.push(await stage.atRest());
    await stage.request(
      id,
      [
        { ...number, value: stage.sealed(id, number, '617-555-0142') },
        { ...status, value: 'queued' },
      ],
      'messaging',
    );
    await stage.idle();
    // What the log's own snapshot says of it, too.
    stage.pass(15);
    await stage.poll();
    const [row] = (await stage.client().exportRecords({ records: ['1'] })).filter((one) => one.txt_mobile_number);
    expect(row).toMatchObject({ txt_mobile_number: '617-555-0142', txt_twilio_status: 'queued' });
    const settled = (await stage.settled()).at(-1)!.payload.cells.find((one) => one.field === number.field)!;
    expect(settled).toMatchObject({ outcome: 'applied' });
    expect(settled.value).not.toEqual(expect.any(String));
    expect(stage.openedCell(id, number, settled.value!)).toBe('617-555-0142');
    expect(rest.length).toBeGreaterThan(2);
    expect([...rest, await stage.atRest(), stage.logged()].join('\n')).not.toMatch(/555-?0142/);

    // Based on what is there, it may be replaced; based on anything else it may not.
    const newer = (basedOn: string) => ({
      ...number,
      value: stage.sealed(id, number, '617-555-0143'),
      basedOn: stage.sealed(id, number, basedOn),
    });
    await stage.request(id, [newer('617-555-0142')], 'messaging');
    await stage.idle();
    stage.save('1', { txt_mobile_number: '(617) 555-0149' }, number.event, number);
    await stage.request(
      id,
      [{ ...newer('617-555-0100'), value: stage.sealed(id, number, '617-555-0144') }],
      'messaging',
    );
    await stage.idle();
    expect((await outcomes(stage)).map(([, outcome]) => outcome)).toEqual(['applied', 'applied', 'applied', 'refused']);
    expect((await outcomes(stage)).at(-1)?.[2]).toBe('VALUE_CHANGED');
  });

  it('leaves an envelope that is another cell’s to a person, and writes for everybody else', async () => {
    const stage = await ready();
    const [one, two] = [(await stage.participant('1')).id, (await stage.participant('2')).id];
    const at = { event: '2_month_arm_2', instrument: 'sms_survey_log', instance: 1, field: 'txt_mobile_number' };
    await stage.request(one, [{ ...at, value: stage.sealed(two, at, '617-555-0142') }], 'messaging');
    await stage.request(two, [{ field: 'ag_status', value: '10' }]);
    await eventually(async () => (await stage.cells('2')).ag_status === '10');
    expect(await stage.query('SELECT 1 FROM desired_cell WHERE participant_id = $1', [one])).toEqual([]);
  });

  it('refuses a run over the cap altogether, until a person lets it go', async () => {
    const stage = await ready({ REDCAP_RECORDS_PER_RUN: '1' });
    const ids = [(await stage.participant('1')).id, (await stage.participant('2')).id];
    stage.world.addFault('redcap', { kind: 'slow', ms: 300, match: { content: 'record' } });
    await Promise.all(ids.map((id) => stage.request(id, [{ field: 'ag_status', value: '10' }])));
    await stage.idle();
    const refused = (await stage.status()).writes.refused.OVER_CAP ?? 0;
    expect(refused).toBeGreaterThan(0);
    expect((await stage.status()).attention.OVER_CAP).toBe(refused);
    expect((await outcomes(stage)).filter(([, outcome]) => outcome === 'refused')).toHaveLength(refused);
    await stage.ops('writes.release');
    await stage.idle();
    expect((await stage.status()).writes).toMatchObject({ applied: 2, refused: {} });
  });

  it('lets a later request replace an earlier one, also while that is being written', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    let once = true;
    stage.hooks.at = async (point) => {
      if (point !== 'write:imported' || !once) return;
      once = false;
      await stage.request(id, [{ field: 'ag_status', value: '40', basedOn: '10' }]);
      const version = () => stage.query<{ version: number }>('SELECT version FROM desired_cell');
      while ((await version())[0]?.version !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(await stage.cells('1')).toMatchObject({ ag_status: '40' });
    expect((await stage.settled()).length).toBe(2);
  });
});

describe('people in the middle', () => {
  it('finds a save between the look and the import by the log, and flags it', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    let once = true;
    stage.hooks.at = (point) => {
      if (point !== 'write:attempting' || !once) return;
      once = false;
      stage.save('1', { ag_status: '99' });
    };
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10' });
    expect((await stage.status()).attention).toEqual({});
    stage.pass(1);
    await stage.poll();
    expect((await stage.status()).attention).toEqual({ STAFF_OVERWROTE: 1 });
  });

  it('finds a save between the import and the read-back, re-asserts once, then lets it stand', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    let times = 0;
    stage.hooks.at = (point) => {
      if (point === 'write:imported') stage.save('1', { ag_status: times++ === 0 ? '99' : '70' });
    };
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(times).toBe(2);
    expect(await outcomes(stage)).toEqual([['ag_status', 'refused', 'STAFF_OVERWROTE']]);
    expect((await stage.settled()).at(-1)!.payload.cells[0]!.value).toBe('70');
    expect(await stage.cells('1')).toMatchObject({ ag_status: '70' });
    expect((await stage.status()).attention).toEqual({ STAFF_OVERWROTE: 1 });
  });

  it('finds it in a sealed cell, too', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    const at = { event: '2_month_arm_2', instrument: 'sms_survey_log', instance: 1, field: 'txt_mobile_number' };
    let times = 0;
    stage.hooks.at = (point) => {
      const values = { txt_mobile_number: times === 0 ? '(617) 555-0198' : '(617) 555-0199' };
      if (point === 'write:imported') stage.save('1', values, at.event, at);
      if (point === 'write:imported') times += 1;
    };
    await stage.request(id, [{ ...at, value: stage.sealed(id, at, '(617) 555-0142') }], 'messaging');
    await stage.idle();
    expect(times).toBe(2);
    const [cell] = (await stage.settled()).at(-1)!.payload.cells;
    expect(cell).toMatchObject({ outcome: 'refused', reason: 'STAFF_OVERWROTE' });
    expect(stage.openedCell(id, at, cell!.value!)).toBe('(617) 555-0199');
    expect((await stage.status()).attention).toEqual({ STAFF_OVERWROTE: 1 });
    expect((await stage.atRest()) + stage.logged()).not.toMatch(/555-01(42|9[89])/);
  });

  it('says a later change of our cell, flags it and puts our value back once', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    stage.pass(15);
    stage.save('1', { ag_status: '99' });
    await stage.poll();
    await stage.idle();
    const change = (await stage.changed()).at(-1)!.payload;
    expect(fieldsOf(change.changed)).toEqual(['ag_status']);
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10' });
    expect((await stage.status()).attention).toEqual({ STAFF_OVERWROTE: 1 });
    stage.pass(15);
    stage.save('1', { ag_status: '70' });
    await stage.poll();
    await stage.idle();
    expect(await stage.cells('1')).toMatchObject({ ag_status: '70' });
    expect((await outcomes(stage)).at(-1)).toEqual(['ag_status', 'refused', 'STAFF_OVERWROTE']);
  });
});

describe('trouble in the middle', () => {
  it.each(['write:attempting', 'write:imported', 'write:read-back'] as const)(
    'decides by reading back after a process died at %s',
    async (where) => {
      const stage = await ready();
      const { id } = await stage.participant('1');
      stage.hooks.at = (point) => {
        if (point === where) throw new Error('killed');
      };
      await stage.request(id, [
        { field: 'ag_status', value: '10' },
        { field: 'ag_last_timestamp', value: '2018-09-04 13:15:00' },
      ]);
      const attempting = async () =>
        (await stage.query("SELECT 1 FROM write_batch WHERE state = 'attempting'")).length > 0;
      while (!(await attempting())) await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setTimeout(resolve, 100));
      stage.hooks.at = () => undefined;
      await stage.restart();
      await stage.idle();
      expect(await stage.cells('1')).toMatchObject({ ag_status: '10', ag_last_timestamp: '2018-09-04 13:15:00' });
      expect((await outcomes(stage)).map(([, outcome]) => outcome)).toEqual(['applied', 'applied']);
      const log = await stage.client().log({ record: '1', logtype: 'record' });
      expect(log.filter((line) => line.details.includes('ag_status'))).toHaveLength(1);
    },
  );

  it.each(['timeout-after-commit', 'empty', 'truncated', 'reset', '503', 'content-type'] as const)(
    'settles rightly when the import meets %s',
    async (kind) => {
      const stage = await ready({ REDCAP_TIMEOUT_SECONDS: '1' });
      const { id } = await stage.participant('1');
      stage.world.addFault('redcap', { kind, ms: 3_000, match: { action: 'import' } });
      await stage.request(id, [{ field: 'ag_status', value: '10' }]);
      await stage.idle();
      expect(await outcomes(stage)).toEqual([['ag_status', 'applied', '10']]);
      const log = await stage.client().log({ record: '1', logtype: 'record' });
      expect(log.filter((line) => line.details.includes('ag_status'))).toHaveLength(1);
      expect((await stage.status()).attention).toEqual({});
    },
  );

  it('is not misled by a read-back that lost its rows', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.hooks.at = (point) => {
      if (point !== 'write:imported') return;
      stage.hooks.at = () => undefined;
      stage.world.addFault('redcap', { kind: 'missing-rows', rows: 5, match: { content: 'record', action: 'export' } });
    };
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(await outcomes(stage)).toEqual([['ag_status', 'applied', '10']]);
  });

  it('takes out what REDCap refuses, and writes the others', async () => {
    const stage = await ready();
    const two = await stage.participant('2');
    const one = await stage.participant('1');
    // Locked by a person: the guard cannot know, REDCap refuses without naming a cell of ours.
    stage.lock('2');
    await Promise.all([one, two].map(({ id }) => stage.request(id, [{ field: 'ag_status', value: '10' }])));
    await stage.idle();
    expect((await stage.status()).writes).toMatchObject({ applied: 1, refused: { REDCAP_REFUSED: 1 } });
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10' });
    expect(await stage.ops('writes.list')).toMatchObject([
      { participantId: two.id, message: expect.stringContaining('locked') as string },
    ]);
  });

  it('leaves the outcome to its successor when its lease was taken in the middle', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.hooks.at = async (point) => {
      if (point !== 'write:read-back') return;
      stage.hooks.at = () => undefined;
      await stage.steal('redcap-writer:ismile.test/main');
    };
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(await outcomes(stage)).toEqual([['ag_status', 'applied', '10']]);
    const log = await stage.client().log({ record: '1', logtype: 'record' });
    expect(log.filter((line) => line.details.includes('ag_status'))).toHaveLength(1);
  });

  it('writes once with two replicas at work', async () => {
    const stage = await ready();
    await stage.replica();
    const ids = [(await stage.participant('1')).id, (await stage.participant('2')).id];
    for (const value of ['10', '11', '20']) {
      const basedOn = { '10': '', '11': '10', '20': '11' }[value]!;
      await Promise.all(ids.map((id) => stage.request(id, [{ field: 'ag_status', value, basedOn }])));
      await stage.idle();
    }
    expect((await stage.status()).writes).toMatchObject({ applied: 2, refused: {} });
    const log = await stage.client().log({ record: '1', logtype: 'record' });
    expect(log.filter((line) => line.details.includes('ag_status'))).toHaveLength(3);
  });

  it('waits for a missing right, says so, and goes on when it is given', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.setRights({ api_import: 0 });
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect((await stage.problems()).join()).toMatch(/lacks the right API Import\/Update/);
    expect(await outcomes(stage)).toEqual([]);
    stage.setRights({ api_import: 1 });
    await stage.poll();
    await stage.idle();
    expect(await outcomes(stage)).toEqual([['ag_status', 'applied', '10']]);
    expect(await stage.problems()).toEqual([]);
  });
});
