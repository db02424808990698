import type { TimelineAction } from '@studybridge/studies';
import { playWorld, type PlayProgress } from '../../src/world/play-world';
import { fakeService, type FakeService } from './fake-service';
import { closeWorlds, openWorld, tinyCohort } from './tiny-world';
import { startReceiver } from '../twilio/receiver';

const services: FakeService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
  await closeWorlds();
});

const text = (at: string): TimelineAction => ({
  at,
  do: 'save',
  record: '1',
  event: 'e',
  values: { f: at },
  user: 'ra',
});

async function scene(timeline: TimelineAction[] = [text('2018-09-03T13:07:00Z'), text('2018-09-03T18:00:00Z')]) {
  const { world, url } = await openWorld({ cohort: tinyCohort({ timeline }) });
  const gateway = await fakeService('gateway', world, 'changed', false);
  const partner = await fakeService('partner', world, 'changed', true);
  services.push(gateway, partner);
  return { world, url, gateway, partner };
}

it('runs each job when it is due after a change, and never in between', async () => {
  const { world, gateway, partner } = await scene();
  const result = await playWorld({ world, services: [gateway, partner] });
  expect(gateway.runs).toEqual(['2018-09-03T12:00:00.000Z', '2018-09-03T13:15:00.000Z', '2018-09-03T18:00:00.000Z']);
  expect(result).toMatchObject({ now: '2018-09-04T12:00:00.000Z', part: 1, ended: true });
  expect([gateway.opsRuns, partner.opsRuns]).toEqual([1, 1]);
});

it('waits until what was said was heard before time goes on', async () => {
  const { world, gateway, partner } = await scene();
  const heardAt: string[] = [];
  gateway.onRun = () => {
    gateway.said += 1;
    setTimeout(() => {
      partner.heard += 1;
      partner.work = { inbox: 1 };
      setTimeout(() => {
        partner.work = { inbox: 0 };
        heardAt.push(world.now.toISOString());
      }, 30);
    }, 30);
  };
  await playWorld({ world, services: [gateway, partner] });
  expect(heardAt.slice(0, 3)).toEqual(gateway.runs);
  expect(partner.heard).toBe(gateway.said);
});

it('runs every job once and nothing else when the timeline is over', async () => {
  const { world, gateway, partner } = await scene();
  await playWorld({ world, services: [gateway, partner] });
  const before = [...gateway.runs];
  const again = await playWorld({ world, services: [gateway, partner] });
  expect(gateway.runs).toEqual(before);
  expect([gateway.opsRuns, again.steps]).toEqual([2, 0]);
});

it('stops where it is told to, and goes on from there', async () => {
  const { world, gateway, partner } = await scene();
  const until = new Date('2018-09-03T14:00:00Z');
  const part = await playWorld({ world, services: [gateway, partner], until });
  expect([part.now, part.ended, gateway.runs.length]).toEqual([until.toISOString(), false, 2]);
  await playWorld({ world, services: [gateway, partner] });
  expect(gateway.runs).toHaveLength(3);
});

it('names who is not idle, and why', async () => {
  const { world, gateway, partner } = await scene();
  partner.work = { effects: 3, inbox: 0 };
  partner.problems = ['The partner refuses the key.'];
  gateway.said = 2;
  const play = playWorld({ world, services: [gateway, partner], timeoutMs: 150 });
  await expect(play).rejects.toMatchObject({ code: 'NOT_IDLE', errorClass: 'dependency' });
  await expect(play).rejects.toThrow(
    'partner: 3 effects – The partner refuses the key. | partner: heard 0 of 2 messages of changed',
  );
});

it('names a service that is not there, and one that would not run its jobs', async () => {
  const { world, gateway, partner } = await scene();
  const gone = { name: 'gone', url: 'http://127.0.0.1:9' };
  await expect(playWorld({ world, services: [gateway, gone], timeoutMs: 100 })).rejects.toThrow(
    /gone: cannot be reached/,
  );
  gateway.opsToken = 'secret';
  await expect(playWorld({ world, services: [gateway, partner], opsToken: 'other' })).rejects.toMatchObject({
    code: 'JOBS_NOT_RUN',
    remedy: expect.stringContaining('OPS_TOKEN'),
  });
  await playWorld({ world, services: [gateway, partner], opsToken: 'secret' });
  expect(gateway.opsRuns).toBe(1);
});

it('asks the replicas of one service, and counts what they say once', async () => {
  const { world, gateway, partner } = await scene();
  gateway.said = 2;
  partner.heard = 2;
  const replica = { name: 'gateway', url: gateway.url };
  await playWorld({ world, services: [gateway, replica, partner], timeoutMs: 500 });
  expect(gateway.opsRuns).toBe(1);
});

it('plays for processes elsewhere, told line by line', async () => {
  const { url, gateway, partner } = await scene();
  const answer = await fetch(`${url}/__sandbox/play`, {
    method: 'POST',
    body: JSON.stringify({ services: [gateway, partner].map((s) => ({ name: s.name, url: s.url })) }),
  });
  const lines = (await answer.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { progress?: PlayProgress; result?: PlayProgress });
  expect(lines.at(-1)?.result).toMatchObject({ now: '2018-09-04T12:00:00.000Z', part: 1 });
  expect(lines[0]?.progress).toMatchObject({ until: '2018-09-04T12:00:00.000Z' });
  gateway.work = { effects: 1 };
  const failed = await fetch(`${url}/__sandbox/play`, {
    method: 'POST',
    body: JSON.stringify({ services: [{ name: 'gateway', url: gateway.url }], timeoutMs: 50 }),
  });
  expect(JSON.parse((await failed.text()).trim().split('\n').at(-1)!)).toMatchObject({
    code: 'NOT_IDLE',
    error: expect.stringContaining('gateway: 1 effects'),
  });
});

it('passes over a day of many events in little time', async () => {
  const timeline = Array.from({ length: 1000 }, (_, i) =>
    text(new Date(Date.parse('2018-09-03T12:00:01Z') + i * 80_000).toISOString()),
  );
  const { world, gateway, partner } = await scene(timeline);
  const result = await playWorld({ world, services: [gateway, partner] });
  expect(gateway.runs.length).toBeGreaterThan(80);
  expect(result.durationMs).toBeLessThan(20_000);
});

it('asks who looks for texts when a phone has sent one, and lets REDCap’s changes be', async () => {
  const timeline: TimelineAction[] = ['+12025550110', '+12025550199'].map((to, i) => ({
    at: `2018-09-03T13:0${i + 1}:00Z`,
    do: 'text',
    mobile: '+16175550123',
    body: 'Hi',
    to,
  }));
  const { world } = await openWorld({ cohort: tinyCohort({ timeline }) });
  const partner = await fakeService('partner', world, 'changed', true);
  services.push(partner);
  const changedAt = world.changedAt;
  await playWorld({ world, services: [partner] });
  // The second one went to a number that nobody has.
  expect(world.textedAt).toEqual(new Date('2018-09-03T13:01:00Z'));
  expect(world.changedAt).toEqual(changedAt);
  expect(partner.askedAt).toContain('2018-09-03T13:01:00.000Z');
  expect(partner.askedAt).not.toContain('2018-09-03T13:02:00.000Z');
});

it('waits for whom the world itself has called', async () => {
  const receiver = await startReceiver();
  const number = { phoneNumber: '+12025550110', kind: 'long-code' as const, mps: 1, smsUrl: receiver.url };
  const timeline: TimelineAction[] = ['13:01', '13:02'].map((time) => ({
    at: `2018-09-03T${time}:00Z`,
    do: 'text',
    mobile: '+16175550123',
    body: 'Hi',
    to: number.phoneNumber,
  }));
  const { world } = await openWorld({ cohort: tinyCohort({ timeline }), twilio: { numbers: [number] } });
  const partner = await fakeService('partner', world, 'changed', true);
  services.push(partner);
  const doneAt: string[] = [];
  receiver.onCall = () => {
    partner.work = { inbox: 1 };
    setTimeout(() => {
      partner.work = { inbox: 0 };
      doneAt.push(world.now.toISOString());
    }, 100);
  };
  await playWorld({ world, services: [partner] });
  await receiver.close();
  expect(doneAt).toEqual(['2018-09-03T13:01:00.000Z', '2018-09-03T13:02:00.000Z']);
});
