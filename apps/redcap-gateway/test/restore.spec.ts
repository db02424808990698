import { copyDatabase, eventually, putBackDatabase } from '@studybridge/testing';
import { clearStage, family, setStage } from './stage';

afterEach(clearStage);

type Stage = Awaited<ReturnType<typeof setStage>>;
const twin = { ...family, part_first_name: 'Orsino', part_last_name: 'Vale', part_lang: '1', site_id: '3' };
const urlOf = (stage: Stage) => String((stage.service.context.dataSource.options as { url?: string }).url);

/** A copy of the database as it is now, and how to put it back under a service that then starts again. */
async function copyNow(stage: Stage): Promise<{ putBack(): Promise<void>; drop(): Promise<void> }> {
  const url = urlOf(stage);
  await stage.service.stop();
  const copy = await copyDatabase(url);
  await stage.restart();
  return {
    async putBack() {
      await stage.service.stop();
      await putBackDatabase(url, copy.url);
      await stage.restart();
      await eventually(
        async () => ((await stage.ops<{ state: string }>('restore.status')).state === 'clear' ? true : null),
        { what: 'the gateway to have read everything anew', timeoutMs: 60_000 },
      );
      await stage.idle();
    },
    drop: () => copy.drop(),
  };
}

describe('a database that was put back, where only REDCap remembers', () => {
  it('gives everybody the id they had, whatever became of their records, and says it as restore', async () => {
    const stage = await setStage();
    stage.save('1', family);
    stage.save('5', { part_lang: '1' });
    await stage.poll();
    const copy = await copyNow(stage);
    const ids: Record<string, string> = {};
    const note = async (...records: string[]) => {
      for (const record of records) ids[record] = (await stage.participant(record)).id;
    };
    stage.pass(15);
    stage.save('2', twin);
    stage.save('3', { ...twin, part_lang: '2' });
    await stage.poll();
    const firstThree = (await stage.participant('3')).id;
    stage.pass(15);
    stage.world.act({ do: 'delete-record', record: '3', user: 'ra_jones' });
    await stage.poll();
    stage.pass(15);
    stage.save('3', { ...family, part_first_name: 'Somebody else' });
    stage.world.act({ do: 'rename-record', record: '5', to: '50', user: 'ra_jones' });
    stage.save('1', { part_lang: '1' });
    await stage.poll();
    await note('1', '2', '3', '50');
    expect(ids['3']).not.toBe(firstThree);

    await copy.putBack();
    for (const [record, id] of Object.entries(ids)) {
      expect({ record, id: (await stage.participant(record)).id }).toEqual({ record, id });
    }
    const said = await stage.changed();
    const since = said.filter((one) => one.cause === 'restore').map((one) => one.payload.participantId);
    expect(new Set(since)).toEqual(new Set([ids['1'], ids['2'], ids['3'], ids['50']]));
    // Read anew once; the next changes are live again.
    stage.pass(15);
    stage.save('2', { part_lang: '2' });
    await stage.poll();
    expect((await stage.changed()).at(-1)).toMatchObject({ cause: 'live', payload: { participantId: ids['2'] } });
    await copy.drop();
  });

  it('writes nothing that was wanted in the copy; it goes back to whoever asked', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const { id } = await stage.participant('1');
    let away = true;
    stage.hooks.at = (point) => {
      if (away && point === 'write:attempting') throw new Error('killed');
    };
    await stage.request(id, [{ field: 'ag_needs_attention', value: '1' }]);
    await eventually(
      async () => (await stage.query(`SELECT 1 FROM desired_cell WHERE state = 'attempting'`)).length === 1,
    );
    const copy = await copyNow(stage);
    away = false;
    await eventually(async () => (await stage.cells('1'))['ag_needs_attention'] === '1');
    await stage.idle();
    stage.pass(15);
    await stage.request(id, [{ field: 'ag_needs_attention', value: '0', basedOn: '1' }]);
    await eventually(async () => (await stage.cells('1'))['ag_needs_attention'] === '0');
    await stage.request(id, [{ field: 'ag_needs_attention', value: '', basedOn: '0' }]);
    await eventually(async () => (await stage.cells('1'))['ag_needs_attention'] === undefined);
    await stage.idle();

    await copy.putBack();
    // What was wanted in the copy would fit what stands there now.
    expect((await stage.cells('1'))['ag_needs_attention']).toBeUndefined();
    expect((await stage.status()).calls.redcapImports).toBe(0);
    expect((await stage.settled()).at(-1)?.payload.cells).toMatchObject([
      { field: 'ag_needs_attention', outcome: 'refused', reason: 'VALUE_CHANGED' },
    ]);
    await copy.drop();
  });
});

describe('a participant’s id', () => {
  it('is the same in a database that begins anew, and another in another binding’s', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const { id } = await stage.participant('1');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await stage.query('TRUNCATE participant, snapshot, project, log_seen, desired_cell');
    await stage.poll();
    expect((await stage.participant('1')).id).toBe(id);
  });

  it('is not that of somebody who began under the number and goes by another one now', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const { id } = await stage.participant('1');
    stage.pass(15);
    stage.world.act({ do: 'rename-record', record: '1', to: '9', user: 'ra_jones' });
    await stage.poll();
    stage.pass(15);
    stage.save('1', twin);
    await stage.poll();
    expect((await stage.participant('9')).id).toBe(id);
    expect((await stage.participant('1')).id).not.toBe(id);
  });
});
