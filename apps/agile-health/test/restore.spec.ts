import { copyDatabase, eventually, putBackDatabase } from '@studybridge/testing';
import { lockParticipant } from '../src/participants/participant-store';
import type { PreviewLine } from '../src/differences/preview';
import { clearStage, setStage, type Stage } from './harness';

afterEach(clearStage);

const urlOf = (stage: Stage) => String((stage.service.context.dataSource.options as { url?: string }).url);
const changes = (stage: Stage) => JSON.stringify(stage.ledger());
const phase = async (stage: Stage) => (await stage.ops<{ state: string }>('restore.status')).state;

/** A copy of the database as it is now, with the way to put it back. The service does not run in between. */
async function copyNow(stage: Stage): Promise<() => Promise<void>> {
  const url = urlOf(stage);
  await stage.service.stop();
  const copy = await copyDatabase(url);
  await stage.restart();
  return async () => {
    await stage.service.stop();
    await putBackDatabase(url, copy.url);
    await copy.drop();
    await stage.restart();
  };
}

/** The gateway's numbers and the counts of what was heard belong to another time after a restore, so idle is asked for simply. */
async function settled(stage: Stage): Promise<void> {
  let rounds = 0;
  await eventually(
    async () => {
      const answer = await stage.get('/idle');
      rounds = (JSON.parse(answer) as { idle: boolean }).idle ? rounds + 1 : 0;
      if (rounds < 3) throw new Error(answer);
      return true;
    },
    { timeoutMs: 60_000 },
  );
}

describe('when the database was put back to an earlier copy while the partner went on', () => {
  it('takes over what the partner has, sends nothing twice, and holds what is missing for a person', async () => {
    const stage = await setStage();
    const early = await stage.gateway.newFamily();
    await stage.idle();
    // In the copy an update is under way; later it goes out, and the family changes and is randomised.
    stage.world.addFault('agile', { kind: '503', times: 0, match: { method: 'PUT' } });
    await stage.gateway.change(early, { part_first_name: 'Perdita' });
    await stage.heard();
    const putBack = await copyNow(stage);
    stage.world.clearFaults();
    await stage.idle();
    await stage.gateway.change(early, { part_mobile_number: '617-555-0188', rand_arm: '3', rand_date: '2018-09-04' });
    const late = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await stage.idle();
    const before = {
      changes: changes(stage),
      cells: stage.gateway.cells(early),
      partner: JSON.stringify(stage.partner()),
    };

    await putBack();
    await eventually(async () => (await phase(stage)) === 'clear');
    expect(changes(stage)).toBe(before.changes);
    await stage.gateway.rebuild();
    await settled(stage);
    expect(changes(stage)).toBe(before.changes);
    // REDCap is read anew by the gateway, which tells everybody with the cause restore.
    const gone = await stage.gateway.newFamily({ part_mobile_number: '617-555-0125' }, { cause: 'restore' });
    for (const id of [early, late]) await stage.gateway.change(id, {}, { cause: 'restore' });
    await eventually(async () => (await stage.ops<unknown[]>('members.list')).length === 3);
    await settled(stage);
    expect(changes(stage)).toBe(before.changes);
    expect(JSON.stringify(stage.partner())).toBe(before.partner);
    expect(stage.gateway.cells(early)).toEqual(before.cells);
    expect(stage.gateway.last(gone)).toMatchObject({ held: 'RESTORE_NOT_RELEASED', memberId: null });
    expect(await stage.ops<PreviewLine[]>('enrolment.preview')).toMatchObject([
      { participantId: gone, send: 'enrol', because: 'RESTORE_NOT_RELEASED' },
    ]);
    expect(await stage.ops('enrolment.release', { all: true, because: 'RESTORE_NOT_RELEASED' })).toEqual({
      released: 1,
    });
    await settled(stage);
    expect(stage.partner()).toHaveLength(3);
    expect(Object.values(stage.ledger()).map((entry) => entry.posts)).toEqual([1, 1, 1]);
  });

  it('sends nothing at all while the partner cannot be compared with, and a withdrawal as soon as it can', async () => {
    const stage = await setStage();
    const id = await stage.gateway.newFamily();
    const kept = await stage.gateway.newFamily({ part_mobile_number: '617-555-0124' });
    await stage.idle();
    const putBack = await copyNow(stage);
    stage.world.addFault('agile', { kind: '503', times: 0, match: { method: 'GET' } });
    await putBack();
    await eventually(async () => (await phase(stage)) === 'recovered');
    // Heard after the restore began: what differs then waits, what stops contact does not.
    await stage.gateway.change(id, { part_withdrawn: '1' });
    await stage.gateway.change(kept, { part_first_name: 'Perdita' });
    await eventually(async () => {
      const [row] = await stage.service.context.dataSource.query<{ n: number }[]>(
        `SELECT count(*)::int AS n FROM participant WHERE cause = 'restore' AND as_of = (SELECT max(as_of) FROM participant)`,
      );
      return (row?.n ?? 0) >= 2;
    });
    expect(await stage.ops('effects.list')).toEqual([]);
    await expect(stage.ops('enrolment.release', { participantId: kept })).rejects.toThrow('RESTORE_RUNNING');
    const { idle, problems } = JSON.parse(await stage.get('/idle')) as { idle: boolean; problems: string[] };
    expect(idle).toBe(false);
    expect(problems.join()).toMatch(/put back/);
    stage.world.clearFaults();
    await eventually(async () => (await phase(stage)) === 'clear', { timeoutMs: 60_000 });
    await settled(stage);
    expect(stage.partner().find((one) => one.externalId === id)?.status).toBe('WITHDRAWN');
    expect(stage.partner().find((one) => one.externalId === kept)).toMatchObject({ version: 1 });
    expect(await stage.ops<PreviewLine[]>('enrolment.preview')).toMatchObject([
      { participantId: kept, send: 'update', because: 'restore', fields: ['firstName'] },
    ]);
  });

  it('decides also upon who is heard of in the last moment, when everybody else is decided upon', async () => {
    const stage = await setStage();
    await stage.gateway.newFamily();
    const unfit = await stage.gateway.newFamily({ part_mobile_number: '12' });
    await stage.idle();
    const putBack = await copyNow(stage);
    stage.world.addFault('agile', { kind: '503', times: 0, match: { method: 'GET' } });
    await putBack();
    await eventually(async () => (await phase(stage)) === 'recovered');
    // The comparison goes as far as the one who is not at the partner, and waits there.
    const { dataSource } = stage.service.context;
    const holding = dataSource.createQueryRunner();
    await holding.startTransaction();
    await lockParticipant(holding.manager, unfit);
    stage.world.clearFaults();
    await eventually(
      async () => {
        const waits: unknown[] =
          await dataSource.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
        return waits.length > 0;
      },
      { timeoutMs: 60_000, what: 'the comparison to come to the one who is held' },
    );
    const late = await stage.gateway.newFamily({ part_mobile_number: '617-555-0126' }, { cause: 'restore' });
    await eventually(async () => {
      const heard: unknown[] = await dataSource.query('SELECT 1 FROM participant WHERE participant_id = $1', [late]);
      return heard.length > 0;
    });
    expect(await phase(stage)).toBe('recovered');
    await holding.rollbackTransaction();
    await holding.release();
    await eventually(async () => (await phase(stage)) === 'clear', { timeoutMs: 60_000 });
    await settled(stage);
    expect(stage.gateway.last(late)).toMatchObject({ held: 'RESTORE_NOT_RELEASED', memberId: null });
  });
});
