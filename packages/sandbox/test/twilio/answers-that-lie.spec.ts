import twilio from 'twilio';
import type { FaultSpec } from '../../src/world/fault-spec';
import { closeWorlds } from '../world/tiny-world';
import { ana, bodies, scene, seconds, shortCode, study, type Scene } from './phones';

afterEach(closeWorlds);

/** The client's own axios may be another copy than ours, so its errors are known by their mark. */
const isAxiosError = (error: unknown) => (error as { isAxiosError?: boolean }).isAxiosError === true;

/** How the official client tells that a create went wrong. */
async function failureOf(call: Promise<unknown>): Promise<{ kind: string; code?: unknown; status?: unknown }> {
  try {
    await call;
    return { kind: 'none' };
  } catch (error) {
    const { code, status } = error as { code?: unknown; status?: unknown };
    const kind = isAxiosError(error)
      ? 'AxiosError'
      : error instanceof twilio.RestException
        ? 'RestException'
        : (error as Error).name;
    return { kind, code, status };
  }
}

const order = { to: ana, from: study, body: 'Hi' };
const at = (fault: FaultSpec, s: Scene) => s.world.addFault('twilio', fault);

describe('a fault', () => {
  it.each([
    [{ kind: '500' }, { kind: 'RestException', status: 500, code: 20500 }, 0],
    [{ kind: '503' }, { kind: 'RestException', status: 503, code: 20503 }, 0],
    [{ kind: '429' }, { kind: 'RestException', status: 429, code: 20429 }, 0],
    [{ kind: '502-html' }, { kind: 'RestException', status: 502, code: undefined }, 0],
    [{ kind: 'reset' }, { kind: 'AxiosError', code: 'ECONNRESET' }, 0],
    [{ kind: '500-after-commit' }, { kind: 'RestException', status: 500, code: 20500 }, 1],
    [{ kind: 'timeout-after-commit', ms: 10_000 }, { kind: 'AxiosError', code: 'ECONNABORTED' }, 1],
    [{ kind: 'timeout-after-commit', ms: 0 }, { kind: 'AxiosError', code: 'ECONNRESET' }, 1],
    [{ kind: 'empty' }, { kind: 'SyntaxError' }, 1],
    [{ kind: 'content-type' }, { kind: 'SyntaxError' }, 1],
    [{ kind: 'slow', ms: 10 }, { kind: 'none' }, 1],
  ] as const)('%j', async (fault, failure, received) => {
    const s = await scene();
    at(fault, s);
    const { accountSid, authToken } = s.world.twilio;
    const timeout = fault.kind === 'timeout-after-commit' && fault.ms > 0 ? 500 : 30_000;
    const hasty = s.clientOf(accountSid, authToken, { timeout });
    expect(await failureOf(hasty.messages.create(order))).toMatchObject(failure);
    seconds(s.world, 10);
    expect(bodies(s.world, ana)).toHaveLength(received);
    expect(s.world.twilioMessages()).toHaveLength(received);
    await s.client.messages.create({ ...order, body: 'next' });
    const [note, next] = s.world.twilioCreates();
    expect(note).toMatchObject({ to: ana, sid: received ? expect.any(String) : null, fault: fault.kind });
    if (received) expect(note!.outcome).toBe('accepted');
    else expect(note!.outcome).not.toBe('accepted');
    expect(next).toMatchObject({ outcome: 'accepted', fault: null });
    expect(next!.realAt).toBeGreaterThan(note!.realAt);
  });

  it('meets only what it matches, and lists and reads have faults of their own', async () => {
    const s = await scene();
    at({ kind: '500', match: { method: 'POST', bodyIncludes: 'To=+16175550199' } }, s);
    const { sid } = await s.client.messages.create(order);
    expect(await failureOf(s.client.messages.create({ ...order, to: '+16175550199' }))).toMatchObject({ status: 500 });
    seconds(s.world, 10);
    at({ kind: 'missing-rows', rows: 1, match: { method: 'GET' } }, s);
    expect(await s.client.messages.list({ to: ana })).toEqual([]);
    at({ kind: 'stale' }, s);
    expect((await s.client.messages(sid).fetch()).status).toBe('sent');
    expect((await s.client.messages(sid).fetch()).status).toBe('delivered');
  });
});

it('a share of creates is answered without saying what happened, the same ones for the same seed', async () => {
  const play = async (seed: number) => {
    const s = await scene();
    s.world.changeTwilio({ ambiguous: 0.5, seed, hangMs: 5 });
    const failures = new Map<string, string>();
    for (let n = 0; n < 40; n += 1) {
      const failed = await failureOf(s.client.messages.create({ ...order, from: shortCode, body: `text ${n}` }));
      if (failed.kind !== 'none') failures.set(`text ${n}`, `${failed.kind} ${String(failed.code ?? failed.status)}`);
    }
    seconds(s.world, 60);
    const received = bodies(s.world, ana);
    return { failures, received, creates: s.world.twilioCreates() };
  };
  const { failures, received, creates } = await play(3);
  expect(failures.size).toBeGreaterThan(10);
  expect(failures.size).toBeLessThan(30);
  expect(new Set(failures.values())).toEqual(
    new Set(['RestException 20500', 'RestException 502', 'AxiosError ECONNRESET']),
  );
  // Of those without a good answer some were sent, some were not; none was sent twice.
  const failedButReceived = [...failures.keys()].filter((body) => received.includes(body));
  expect(failedButReceived.length).toBeGreaterThan(0);
  expect(failedButReceived.length).toBeLessThan(failures.size);
  expect(new Set(received).size).toBe(received.length);
  expect(creates.map(({ n }) => n)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  expect(creates.filter(({ fault }) => fault !== null)).toHaveLength(failures.size);
  expect(new Set(creates.map(({ fault }) => fault))).toEqual(
    new Set([null, '500', '502-html', 'reset', '500-after-commit', 'timeout-after-commit']),
  );
  expect([...(await play(3)).failures.keys()]).toEqual([...failures.keys()]);
  expect([...(await play(5)).failures.keys()]).not.toEqual([...failures.keys()]);
});

it('too many calls are refused, by chance and by how many there are at a time', async () => {
  const s = await scene();
  s.world.changeTwilio({ tooMany: 1 });
  expect(await failureOf(s.client.messages.create(order))).toMatchObject({ status: 429, code: 20429 });
  expect(await failureOf(s.client.messages.list({ limit: 1 }))).toMatchObject({ status: 429 });
  s.world.changeTwilio({ tooMany: 0, concurrency: 1 });
  s.world.addFault('twilio', { kind: 'timeout-after-commit', ms: 60_000 });
  const held = failureOf(s.client.messages.create({ ...order, body: 'held' }));
  while (s.world.twilioMessages().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await failureOf(s.client.messages.create(order))).toMatchObject({ status: 429, code: 20429 });
  expect(s.world.twilioCreates().map(({ outcome }) => outcome)).toEqual(['20429', 'accepted', '20429']);
  expect(await held).toMatchObject({ kind: 'AxiosError' });
  // The line is free again as soon as Twilio has noticed that its caller hung up.
  while ((await failureOf(s.client.messages.create(order))).kind !== 'none');
  expect(s.world.twilioMessages()).toHaveLength(2);
});

it('settings that are none are refused, and nothing changes', async () => {
  const s = await scene();
  const post = (body: unknown) => fetch(`${s.url}/__sandbox/twilio`, { method: 'POST', body: JSON.stringify(body) });
  for (const wrong of [
    { ambiguous: 1.2 },
    { outcome: 'eaten' },
    { phones: { [ana]: { outcome: 'failed-xyz' } } },
    { speed: 3 },
    { ambiguousKinds: [] },
  ]) {
    const answer = await post(wrong);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      400,
      'TWILIO_SETTINGS_UNREADABLE',
    ]);
  }
  const answer = await post({ ambiguous: 0.2, phones: { [ana]: { outcome: 'sent' } } });
  expect(await answer.json()).toMatchObject({ settings: { ambiguous: 0.2, outcome: 'delivered' } });
  await post({ phones: { '+16175550199': { outcome: 'lost' } } });
  expect(Object.keys(s.world.twilioView().settings.phones)).toEqual([ana, '+16175550199']);
});
