import { agile, caregiver, closeWorlds, later, openWorld, tinyCohort } from '../world/tiny-world';

afterEach(closeWorlds);

const mobile = '+16175550123';

/** One member in a world where two numbers are not what they seem. */
async function enrolled(details: Record<string, unknown> = {}) {
  const { world, url } = await openWorld({
    cohort: tinyCohort({
      handsets: [
        { mobile: '+16175550111', line: 'landline' },
        { mobile: '+16175550112', line: 'blocks-short-codes' },
      ],
    }),
  });
  const { memberId } = (await agile(url, 'POST', '/members', caregiver(details))).body;
  const status = async () => (await agile(url, 'GET', `/members/${memberId}/status`)).body;
  const text = (body: string, from = mobile) => world.act({ do: 'text', mobile: from, body });
  const putArm = () => agile(url, 'PUT', `/members/${memberId}/arm`, { arm: 'OHT', randomizedOn: '2018-09-04' });
  return { world, url, memberId, status, text, putArm };
}

it('checks the number after a minute and asks to opt in four minutes later', async () => {
  const { world, status } = await enrolled();
  later(world, 0.9);
  expect((await status()).status).toBe('RECEIVED');
  later(world, 0.1);
  expect(await status()).toMatchObject({ status: 'NUMBER_CHECKING', numberCheck: 'pending' });
  later(world, 4);
  expect(await status()).toEqual({
    memberId: expect.any(String),
    status: 'OPT_IN_SENT',
    statusReason: null,
    statusAt: '2018-09-03T12:05:00Z',
    numberCheck: 'passed',
    optIn: { sentAt: '2018-09-03T12:05:00Z', answeredAt: null },
    arm: null,
    counters: { sent: 1, delivered: 1, replies: 0 },
    lastInboundAt: null,
  });
});

it.each([
  ['+16175550111', 'INVALID_NUMBER'],
  ['+16175550112', 'SHORTCODE_BLOCKED'],
])('finds out what line %s is', async (number, expected) => {
  const { world, status, url, memberId } = await enrolled({ mobile: number });
  later(world, 5);
  expect(await status()).toMatchObject({ status: expected, numberCheck: 'failed' });
  await agile(url, 'PUT', `/members/${memberId}`, caregiver({ mobile }), { 'if-match': '"1"' });
  expect(await status()).toMatchObject({ status: 'NUMBER_CHECKING', numberCheck: 'pending' });
  later(world, 4);
  expect((await status()).status).toBe('OPT_IN_SENT');
});

it('asks again after one and two days, gives up after three, and starts over with START', async () => {
  const { world, status, text } = await enrolled();
  later(world, 5 + 48 * 60);
  expect(await status()).toMatchObject({ status: 'OPT_IN_SENT', counters: { sent: 3 } });
  later(world, 24 * 60);
  expect(await status()).toMatchObject({ status: 'OPT_IN_EXPIRED', counters: { sent: 3 } });
  text('start');
  expect((await status()).status).toBe('OPT_IN_SENT');
  text('Sí');
  expect((await status()).status).toBe('OPTED_IN');
  later(world, 5 * 24 * 60);
  expect((await status()).status).toBe('OPTED_IN');
});

it('is active once opted in and randomised, in whichever order', async () => {
  const one = await enrolled();
  later(one.world, 10);
  one.text('YES');
  expect((await one.status()).status).toBe('OPTED_IN');
  await one.putArm();
  expect((await one.status()).status).toBe('ACTIVE');

  const two = await enrolled();
  await two.putArm();
  later(two.world, 10);
  two.text('yes');
  expect(await two.status()).toMatchObject({ status: 'ACTIVE', optIn: { answeredAt: '2018-09-03T12:10:00Z' } });
});

it('runs four months, then the booster in month 12', async () => {
  const { world, status, text, putArm } = await enrolled();
  later(world, 60);
  text('YES');
  await putArm();
  later(world, 31 * 24 * 60);
  expect((await status()).counters).toEqual({ sent: 32, delivered: 32, replies: 13 });
  const seen: string[] = [];
  for (const at of ['2019-01-03', '2019-08-03', '2019-09-03', '2019-10-03']) {
    world.advanceTo(new Date(`${at}T13:00:00Z`));
    const { status: name, statusAt } = await status();
    seen.push(`${name} ${statusAt}`);
  }
  expect(seen).toEqual([
    'COMPLETED 2019-01-03T13:00:00Z',
    'BOOSTER_SCHEDULED 2019-08-03T13:00:00Z',
    'BOOSTER_ACTIVE 2019-09-03T13:00:00Z',
    'BOOSTER_COMPLETED 2019-10-03T13:00:00Z',
  ]);
});

it('stops at STOP, and an old timer does not bring anyone back', async () => {
  const { world, status, text } = await enrolled();
  later(world, 10);
  text('STOP');
  expect(await status()).toMatchObject({ status: 'OPTED_OUT', lastInboundAt: '2018-09-03T12:10:00Z' });
  later(world, 4 * 24 * 60);
  expect((await status()).status).toBe('OPTED_OUT');
  text('START');
  later(world, 71 * 60);
  expect((await status()).status).toBe('OPT_IN_SENT');
  later(world, 60);
  expect((await status()).status).toBe('OPT_IN_EXPIRED');
});

it('does not let the old number’s STOP follow to the new one', async () => {
  const { world, url, memberId, status, text, putArm } = await enrolled();
  later(world, 10);
  text('YES');
  await putArm();
  await agile(url, 'PUT', `/members/${memberId}`, caregiver({ mobile: '+16175550199' }), { 'if-match': '"1"' });
  expect(await status()).toMatchObject({ status: 'NUMBER_CHECKING', optIn: { sentAt: null, answeredAt: null } });
  text('STOP');
  later(world, 4);
  text('YES', '+16175550199');
  expect((await status()).status).toBe('ACTIVE');
});

it('takes any forced status, known or not, and lets nothing begun before go on', async () => {
  const { world, status, url } = await enrolled();
  later(world, 2);
  world.act({ do: 'partner', mobile, status: 'LOOKING_INTO_IT' });
  later(world, 60);
  expect(await status()).toMatchObject({ status: 'LOOKING_INTO_IT', statusAt: '2018-09-03T12:02:00Z' });
  const since = await agile(url, 'GET', '/members?changedSince=2018-09-03T12:02:00Z');
  expect(since.body.members).toHaveLength(1);
});
