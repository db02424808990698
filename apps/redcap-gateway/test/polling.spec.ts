import { clearStage, family, fieldsOf, newWorld, setStage } from './stage';
import { ismileXml } from './project-xml';

afterEach(clearStage);

describe('seeing changes', () => {
  it('takes what is there first as baseline, and what comes then as live', async () => {
    const stage = await setStage({
      before: (world) =>
        world.act({ do: 'save', record: '1', event: 'baseline_arm_1', values: family, user: 'ra_jones' }),
    });
    expect(await stage.poll()).toMatchObject({ records: 1, changed: 1, added: 1 });
    stage.pass(15);
    stage.save('2', { ...family, part_lang: '1' });
    stage.save('1', { part_lang: '1', part_first_name: 'Zoë' });
    expect(await stage.poll()).toMatchObject({ changed: 2, added: 1 });

    const said = await stage.changed();
    expect(said.map((one) => [one.payload.recordId, one.cause])).toEqual([
      ['1', 'baseline'],
      ['1', 'live'],
      ['2', 'live'],
    ]);
    const [, change] = said;
    expect(fieldsOf(change!.payload.changed)).toEqual(['part_first_name', 'part_lang']);
    expect(change!.payload.rows.find((row) => row.instrument === 'participant_info')?.values).toMatchObject({
      part_lang: '1',
      part_consent_date: '2018-09-04',
      site_id: '1',
    });
    expect(stage.opened(change!.payload).find((row) => row.instrument === 'participant_info')?.values).toMatchObject({
      part_first_name: 'Zoë',
      part_last_name: 'Quimby-Ortiz',
    });
    expect((await stage.polled()).map((one) => one.payload.kind)).toEqual(['full', 'ids']);
    expect(said[0]!.payload.participantId).toBe(change!.payload.participantId);
  });

  it('keeps identifying values only sealed, in tables, outbox and log', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const tables = ['participant', 'snapshot', 'bus_outbox', 'project', 'log_seen', 'job_run'];
    for (const table of tables) {
      const [{ all } = { all: '' }] = await stage.query<{ all: string }>(
        `SELECT string_agg(t::text, ' ') AS all FROM ${table} t`,
      );
      expect(all ?? '').not.toMatch(/Zelda|Quimby|555-0123/);
    }
    expect(stage.logged()).not.toMatch(/Zelda|Quimby|555-0123|0123456789ABCDEF/);
  });

  it('says nothing when nothing changed, with three calls at most', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(60);
    await stage.poll();
    const before = (await stage.status()).calls.redcapExports;
    stage.pass(15);
    expect(await stage.poll()).toMatchObject({ changed: 0 });
    expect((await stage.status()).calls.redcapExports - before).toBeLessThanOrEqual(3);
    expect(await stage.changed()).toHaveLength(1);
  });

  it('sees a cleared field and a repeat instance', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(15);
    stage.save('1', { part_lang: '' });
    await stage.poll();
    const last = (await stage.changed()).at(-1)!.payload;
    expect(fieldsOf(last.changed)).toEqual(['part_lang']);
    expect(last.rows.find((row) => row.instrument === 'participant_info')?.values).not.toHaveProperty('part_lang');
  });

  it('sees a save in the hour that comes twice', async () => {
    // 2018-11-04: 01:59:59 PDT is followed by 01:00 PST at 09:00 UTC.
    const stage = await setStage({ startAt: '2018-11-04T08:00:00Z' });
    stage.save('1', family);
    await stage.poll();
    stage.pass(57);
    await stage.poll();
    stage.pass(5);
    stage.save('1', { part_lang: '1' });
    stage.pass(1);
    expect(await stage.poll()).toMatchObject({ changed: 1 });
  });

  it('sees a save that a server with a slow clock dated long ago', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(15);
    stage.world.addFault('redcap', { kind: 'clock-skew', ms: -3 * 3_600_000, times: 0 });
    await stage.poll();
    stage.pass(15);
    stage.save('1', { part_lang: '1' });
    expect(await stage.poll()).toMatchObject({ changed: 1 });
  });

  it.each(['missing-rows', 'empty', 'truncated', 'content-type', '503', 'reset'] as const)(
    'is not misled by %s, whichever call it meets',
    async (kind) => {
      const stage = await setStage();
      for (const record of ['1', '2', '3', '4']) stage.save(record, family);
      await stage.poll();
      for (const content of ['record', 'log']) {
        for (const nth of [0, 1]) {
          stage.pass(15);
          stage.save('2', { site_id: nth === 0 ? '2' : '3', bs_topic_choice: content === 'log' ? '1' : '2' });
          stage.save('3', { part_lang: nth === 0 ? '1' : '2' });
          const body = nth === 0 ? 'format=json' : 'format=csv';
          stage.world.addFault('redcap', {
            kind,
            match: content === 'record' ? { content, bodyIncludes: body } : { content },
            rows: 1,
          });
          await stage.poll();
          const last = await stage.changed();
          const two = last.findLast((one) => one.payload.recordId === '2')!.payload;
          expect(two.rows.find((row) => row.instrument === 'participant_info')?.values.site_id).toBe(
            nth === 0 ? '2' : '3',
          );
          const three = last.findLast((one) => one.payload.recordId === '3')!.payload;
          expect(three.rows.find((row) => row.instrument === 'participant_info')?.values.part_lang).toBe(
            nth === 0 ? '1' : '2',
          );
          stage.world.clearFaults();
        }
      }
      const presences = await stage.query<{ presence: string }>('SELECT presence FROM participant');
      expect(presences.map((row) => row.presence)).toEqual(['present', 'present', 'present', 'present']);
      expect((await stage.status()).attention).toEqual({});
    },
  );

  it('fails the poll, changes nothing and heals when an answer stays incomplete', async () => {
    const stage = await setStage();
    for (const record of ['1', '2', '3']) stage.save(record, family);
    await stage.poll();
    stage.pass(15);
    for (const record of ['1', '2', '3']) stage.save(record, { part_lang: '1' });
    stage.world.addFault('redcap', {
      kind: 'missing-rows',
      match: { content: 'record', bodyIncludes: 'format=csv' },
      times: 0,
    });
    const failed = await stage.run('redcap-poll');
    expect(failed).toMatchObject({ state: 'failed', errorCode: 'REDCAP_INCOMPLETE', errorClass: 'dependency' });
    expect((await stage.changed()).every((one) => one.payload.presence === 'present')).toBe(true);
    stage.world.clearFaults();
    await stage.poll();
    expect((await stage.changed()).filter((one) => one.cause === 'live')).toHaveLength(3);
  });

  it('carries on where a process died between two parts', async () => {
    const stage = await setStage({ env: { REDCAP_RECORDS_PER_EXPORT: '2' } });
    for (const record of ['1', '2', '3', '4', '5']) stage.save(record, family);
    let stored = 0;
    stage.hooks.at = (point) => {
      if (point === 'poll:stored' && (stored += 1) === 2) throw new Error('killed');
    };
    expect((await stage.run('redcap-poll')).state).toBe('failed');
    stage.hooks.at = () => undefined;
    await stage.restart();
    await stage.poll();
    const said = await stage.changed();
    expect(said.map((one) => one.payload.recordId).sort()).toEqual(['1', '2', '3', '4', '5']);
    expect(said.every((one) => one.cause === 'baseline')).toBe(true);
  });

  it('stores nothing once another process took its lease', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    stage.pass(15);
    stage.save('1', { part_lang: '1' });
    const points: string[] = [];
    stage.hooks.at = async (point) => {
      points.push(point);
      if (points.length === 1) await stage.steal('job:redcap-poll@ismile.test');
    };
    expect((await stage.run('redcap-poll')).state).not.toBe('done');
    expect(points[1]).not.toBe('poll:stored');
    await stage.poll();
    expect(await stage.changed()).toHaveLength(2);
  });

  it('finds with the nightly comparison what no poll could see', async () => {
    const stage = await setStage();
    for (const record of ['1', '2']) stage.save(record, family);
    await stage.poll();
    stage.pass(15);
    stage.save('2', { part_lang: '1' });
    // A day on which nobody looked, and the cursor moved all the same.
    stage.pass(24 * 60);
    await stage.query('UPDATE project SET cursor_at = $1, log_newest = NULL', [stage.world.now]);
    stage.save('1', { site_id: '2' });
    await stage.poll();
    expect((await stage.changed()).filter((one) => one.payload.recordId === '2')).toHaveLength(1);
    expect(await stage.poll('full-comparison')).toMatchObject({ changed: 1 });
    expect((await stage.changed()).at(-1)).toMatchObject({ cause: 'reconcile', payload: { recordId: '2' } });
  });
});

describe('the project behind a token', () => {
  it('refuses another project than the one it opened before', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    await stage.restart(newWorld(ismileXml({ title: 'Somebody else’s project' }), stage.world.now.toISOString()));
    expect(await stage.run('redcap-poll')).toMatchObject({
      state: 'failed',
      errorCode: 'WRONG_PROJECT',
      errorClass: 'setting',
    });
    expect((await stage.status()).attention).toEqual({ WRONG_PROJECT: 1 });
    expect((await stage.problems()).join()).toMatch(/opens another project than expected/);
    await stage.ops('project.pin', { binding: 'ismile.test' });
    expect(await stage.run('redcap-poll')).toMatchObject({ state: 'done' });
    expect((await stage.status()).attention).not.toHaveProperty('WRONG_PROJECT');
  });

  it('keeps the last value of a field that vanished from the dictionary, and says so', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const next = newWorld(
      ismileXml({
        change: (fields) =>
          fields
            .filter((field) => field.field_name !== 'part_last_name')
            .map((field) => (field.field_name === 'site_id' ? { ...field, field_name: 'clinic_id' } : field)),
      }),
      stage.world.now.toISOString(),
    );
    next.act({
      do: 'save',
      record: '1',
      event: 'baseline_arm_1',
      values: {
        part_first_name: 'Zelda',
        part_mobile_number: '(617) 555-0123',
        part_lang: '1',
        part_consent_date: '2018-09-04',
      },
      user: 'ra_jones',
    });
    await stage.restart(next);
    await stage.poll();
    const last = (await stage.changed()).at(-1)!.payload;
    expect(fieldsOf(last.changed)).toEqual(['part_lang']);
    expect(last.rows.find((row) => row.instrument === 'participant_info')?.values.site_id).toBe('1');
    expect(stage.opened(last).find((row) => row.instrument === 'participant_info')?.values.part_last_name).toBe(
      'Quimby-Ortiz',
    );
    const status = await stage.status();
    expect(status.attention).toEqual({ DRIFT: 1 });
    expect(status.project['ismile.test/main']!.drift.join('\n')).toMatch(
      /site_id seems to have been renamed to clinic_id/,
    );
    await stage.request(last.participantId, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10' });
  });

  it('does not read a project that is another study', async () => {
    const stage = await setStage({ xml: ismileXml({ change: (fields) => fields.slice(0, 12) }) });
    expect(await stage.run('redcap-poll')).toMatchObject({
      state: 'failed',
      errorCode: 'DRIFT',
      errorClass: 'setting',
    });
    expect((await stage.status()).attention).toEqual({ DRIFT: 1 });
  });

  it('shows the rights behind the token', async () => {
    const stage = await setStage();
    await stage.poll();
    expect((await stage.status()).project['ismile.test/main']!.rights).toMatchObject({
      export: true,
      import: true,
      logging: true,
    });
  });
});
