import { copyDatabase } from '@studybridge/testing';
import { clearStage, setStage, type Stage } from './harness';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await clearStage();
  for (const step of undo.splice(0).reverse()) await step();
});

const by = 'Dr. Quimby';

async function moveTo(stage: Stage, url: string): Promise<void> {
  stage.env['DATABASE_URL_MESSAGING'] = url;
  await stage.restart();
}

it('after its database was put back nothing is sent twice: what went out is found, the rest waits for a person', async () => {
  const stage = await setStage();
  await stage.ops('messages.stop', { scope: 'global', by });
  const sent = await stage.others.newPerson({ mobile: '+16175550142' });
  const request = await stage.others.ask(sent);
  const never = await stage.others.newPerson({ mobile: '+16175550143' });
  const unsent = await stage.others.ask(never, { notBefore: '2018-10-02T20:00:00Z' });
  await stage.idle();
  const original = stage.env['DATABASE_URL_MESSAGING'] ?? '';
  // A copy of this moment; the world goes on with the original.
  await stage.service.stop();
  const copy = await copyDatabase(original);
  undo.push(() => copy.drop());
  await moveTo(stage, original);
  await stage.ops('messages.resume', { scope: 'global', by });
  await stage.playTo('2018-10-02T15:30:00Z');
  expect(stage.received('+16175550142')).toHaveLength(1);
  // What the copy says is counted anew.
  stage.others.heard = 0;
  await moveTo(stage, copy.url);
  await stage.ops('restore.declare');
  await stage.playTo('2018-10-02T15:40:00Z');
  await stage.ops('messages.resume', { scope: 'global', by });
  await stage.playTo('2018-10-02T22:00:00Z');
  expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null }]);
  expect(await stage.rows(unsent)).toMatchObject([{ state: 'held', reason: 'RESTORE_NOT_RELEASED' }]);
  expect(stage.world.twilioCreates()).toHaveLength(1);
  const [row] = await stage.rows(unsent);
  await stage.ops('messages.release', { messageId: row?.id, by });
  await stage.playTo('2018-10-02T22:10:00Z');
  expect(stage.received('+16175550143')).toHaveLength(1);
  expect(stage.received('+16175550142')).toHaveLength(1);
});
