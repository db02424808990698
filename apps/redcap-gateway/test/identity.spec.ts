import { clearStage, family, setStage } from './stage';

afterEach(clearStage);

const twin = { ...family, part_first_name: 'Orsino', part_last_name: 'Vale', part_lang: '1', site_id: '3' };

describe('identity', () => {
  it('says a deletion with the last known rows', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const { id } = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'delete-record', record: '1', user: 'ra_jones' });
    await stage.poll();
    const last = (await stage.changed()).at(-1)!.payload;
    expect(last).toMatchObject({ participantId: id, presence: 'deleted', recordId: '1' });
    expect(stage.opened(last).find((row) => row.instrument === 'participant_info')?.values.part_last_name).toBe(
      'Quimby-Ortiz',
    );
    stage.pass(5);
    await stage.poll();
    expect(await stage.changed()).toHaveLength(2);
  });

  it('takes a deleted and re-created number for somebody else, once', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const first = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'delete-record', record: '1', user: 'ra_jones' });
    stage.save('1', twin);
    await stage.poll();
    const second = await stage.participant('1');
    expect(second).toMatchObject({ incarnation: 2, presence: 'present' });
    expect(second.id).not.toBe(first.id);
    // The same lines of the log come again with the overlap.
    stage.pass(5);
    await stage.poll();
    await stage.poll('full-comparison');
    const said = await stage.changed();
    expect(said.map((one) => [one.payload.participantId, one.payload.presence, one.payload.incarnation])).toEqual([
      [first.id, 'present', 1],
      [first.id, 'deleted', 1],
      [second.id, 'present', 2],
    ]);
  });

  it('keeps the id over a rename, also when changed on the way', async () => {
    const stage = await setStage();
    stage.save('1', family);
    stage.save('2', twin);
    await stage.poll();
    const { id } = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '77', user: 'ra_jones' });
    stage.save('77', { part_lang: '1' });
    await stage.poll();
    expect((await stage.participant('77')).id).toBe(id);
    expect(await stage.query('SELECT id FROM participant')).toHaveLength(2);
    const last = (await stage.changed()).at(-1)!.payload;
    expect(last).toMatchObject({ participantId: id, recordId: '77', presence: 'present' });
    expect(last.rows.find((row) => row.instrument === 'participant_info')?.values.part_lang).toBe('1');
  });

  it('follows a rename whose old number was taken again, and two that changed places', async () => {
    const stage = await setStage();
    stage.save('1', family);
    stage.save('2', twin);
    await stage.poll();
    const one = await stage.participant('1');
    const two = await stage.participant('2');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '9', user: 'ra_jones' });
    stage.pass(1);
    stage.save('1', { ...twin, part_first_name: 'Third' });
    await stage.poll();
    expect((await stage.participant('9')).id).toBe(one.id);
    const third = await stage.participant('1');
    expect([one.id, two.id]).not.toContain(third.id);

    stage.pass(20);
    stage.world.act({ do: 'rename-record', record: '9', to: 'x', user: 'ra_jones' });
    stage.world.act({ do: 'rename-record', record: '2', to: '9', user: 'ra_jones' });
    stage.world.act({ do: 'rename-record', record: 'x', to: '2', user: 'ra_jones' });
    await stage.poll();
    expect((await stage.participant('9')).id).toBe(two.id);
    expect((await stage.participant('2')).id).toBe(one.id);
    expect(await stage.query('SELECT id FROM participant')).toHaveLength(3);
  });

  it('does not take a lost row of an id list for a deletion', async () => {
    const stage = await setStage();
    for (const record of ['1', '2', '3']) stage.save(record, family);
    await stage.poll();
    stage.pass(15);
    stage.save('3', { part_lang: '1' });
    stage.world.addFault('redcap', {
      kind: 'missing-rows',
      match: { content: 'record', bodyIncludes: 'format=json' },
      times: 3,
    });
    await stage.poll('full-comparison');
    const rows = await stage.query<{ presence: string }>('SELECT presence FROM participant');
    expect(rows.map((row) => row.presence)).toEqual(['present', 'present', 'present']);
  });

  it('finds a rename late by what the record’s own lines tell', async () => {
    const stage = await setStage();
    for (const record of ['1', '2']) stage.save(record, family);
    await stage.poll();
    const { id } = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '77', user: 'ra_jones' });
    // The rename was never seen: its line is far behind the look-back, and then the record is saved again.
    stage.pass(3 * 24 * 60);
    await stage.query('UPDATE project SET cursor_at = $1, log_newest = NULL', [stage.world.now]);
    stage.save('77', { part_lang: '1' });
    await stage.poll();
    expect(await stage.participant('77')).toMatchObject({ id, presence: 'present' });
    expect(await stage.query('SELECT id FROM participant')).toHaveLength(2);
  });

  it('holds both in doubt where nothing but their likeness speaks, until a person decides', async () => {
    const stage = await setStage({ rights: { logging: 0 } });
    for (const record of ['1', '2', '3']) stage.save(record, { ...family, part_first_name: `Child ${record}` });
    await stage.poll();
    const gone = await stage.participant('1');
    const other = await stage.participant('2');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '77', user: 'ra_jones' });
    stage.save('2', { site_id: '4' });
    await stage.poll();
    expect(await stage.participant('1')).toMatchObject({ id: gone.id, presence: 'in-doubt' });
    expect((await stage.participant('77')).presence).toBe('in-doubt');
    const said = (await stage.changed()).slice(3);
    expect(said.map((one) => [one.payload.participantId, one.payload.presence])).toEqual([
      [gone.id, 'in-doubt'],
      [other.id, 'present'],
    ]);
    expect((await stage.status()).attention).toEqual({ IDENTITY_IN_DOUBT: 2 });
    expect(await stage.ops<unknown[]>('identity.list')).toHaveLength(2);
    await stage.request(gone.id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect((await stage.status()).writes.refused).toEqual({ IDENTITY_IN_DOUBT: 1 });

    await stage.ops('identity.settle', { participantId: gone.id, as: 'renamed', record: '77' });
    await stage.idle();
    expect(await stage.participant('77')).toMatchObject({ id: gone.id, presence: 'present' });
    expect(await stage.query('SELECT id FROM participant')).toHaveLength(3);
    expect((await stage.status()).attention).toEqual({});
  });

  it('takes somebody who appeared for new, and the one who is gone for deleted, when a person says so', async () => {
    const stage = await setStage({ rights: { logging: 0 } });
    for (const record of ['1', '2', '3']) stage.save(record, { ...family, part_first_name: `Child ${record}` });
    await stage.poll();
    const gone = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '77', user: 'ra_jones' });
    await stage.poll();
    const appeared = await stage.participant('77');
    await stage.ops('identity.settle', { participantId: gone.id, as: 'deleted' });
    await stage.ops('identity.settle', { participantId: appeared.id, as: 'new' });
    await stage.idle();
    expect((await stage.participant('1')).presence).toBe('deleted');
    const now = await stage.participant('77');
    expect(now.presence).toBe('present');
    expect(now.id).not.toBe(gone.id);
    expect((await stage.status()).attention).toEqual({});
  });

  it('finds deletions without the right to the log, by two reads that agree', async () => {
    const stage = await setStage({ rights: { logging: 0 } });
    for (const record of ['1', '2']) stage.save(record, { ...family, part_first_name: `Child ${record}` });
    await stage.poll();
    expect((await stage.status()).project['ismile.test/main']!.rights.logging).toBe(false);
    stage.pass(15);
    stage.world.act({ do: 'delete-record', record: '1', user: 'ra_jones' });
    await stage.poll();
    expect((await stage.participant('1')).presence).toBe('present');
    await stage.poll('full-comparison');
    expect((await stage.participant('1')).presence).toBe('deleted');
    expect((await stage.changed()).at(-1)).toMatchObject({ cause: 'reconcile', payload: { presence: 'deleted' } });
  });
});
