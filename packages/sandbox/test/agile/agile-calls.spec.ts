import { agile, caregiver, closeWorlds, later, openWorld } from '../world/tiny-world';

afterEach(closeWorlds);
const startAt = new Date('2018-09-03T12:00:00Z');

describe('POST members', () => {
  it('creates a member once, and says so again for the same body', async () => {
    const { world, url } = await openWorld({ startAt });
    const first = await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k1' });
    expect(first.status).toBe(201);
    expect(first.headers.get('etag')).toBe('"1"');
    expect(first.body).toEqual({
      memberId: expect.stringMatching(/^m_[0-9a-f]{10}$/),
      externalId: 'p-1',
      version: 1,
      status: 'RECEIVED',
      statusAt: '2018-09-03T12:00:00Z',
      arm: null,
    });
    const again = await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k1' });
    const otherKey = await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k2' });
    expect([again.status, otherKey.status]).toEqual([200, 200]);
    expect(again.body.memberId).toBe(first.body.memberId);
    expect(world.agileStandIn.snapshot().ledger[first.body.memberId]).toMatchObject({ posts: 1, postRepeats: 2 });
  });

  it('gives the member an id that depends on the details alone', async () => {
    const ids = [];
    for (const externalId of ['one', 'two']) {
      const { url } = await openWorld({ startAt });
      ids.push((await agile(url, 'POST', '/members', caregiver({ externalId }))).body.memberId);
    }
    expect(ids[0]).toBe(ids[1]);
  });

  it('refuses a known externalId with other details, a taken number, and a key with another body', async () => {
    const { url } = await openWorld({ startAt });
    await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k1' });
    const external = await agile(url, 'POST', '/members', caregiver({ firstName: 'Eva' }));
    expect([external.status, external.body.code]).toEqual([409, 'DUPLICATE_EXTERNAL_ID']);
    const mobile = await agile(url, 'POST', '/members', caregiver({ externalId: 'p-2' }));
    expect([mobile.status, mobile.body.code]).toEqual([409, 'DUPLICATE_MOBILE']);
    const key = await agile(url, 'POST', '/members', caregiver({ externalId: 'p-2' }), { 'idempotency-key': 'k1' });
    expect([key.status, key.body.code]).toEqual([409, 'IDEMPOTENCY_CONFLICT']);
  });

  it('forgets keys after 24 hours of study time', async () => {
    const { world, url } = await openWorld({ startAt });
    await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k1' });
    later(world, 24 * 60);
    const other = caregiver({ externalId: 'p-2', mobile: '+16175550124' });
    expect((await agile(url, 'POST', '/members', other, { 'idempotency-key': 'k1' })).status).toBe(201);
  });

  it('names every field that it does not take', async () => {
    const { url } = await openWorld({ startAt });
    const { status, body } = await agile(
      url,
      'POST',
      '/members',
      caregiver({
        firstName: '',
        gender: 'F',
        mobile: '+18005550123',
        childDob: '2014-02-30',
        childFirstName: 'x'.repeat(61),
        timezone: 'Mars/Olympus',
      }),
    );
    expect([status, body.code]).toEqual([422, 'INVALID_FIELDS']);
    expect(body.fields).toEqual(
      expect.arrayContaining([
        { field: 'firstName', code: 'REQUIRED' },
        { field: 'gender', code: 'UNKNOWN_VALUE' },
        { field: 'mobile', code: 'NOT_MOBILE' },
        { field: 'childDob', code: 'MALFORMED' },
        { field: 'childFirstName', code: 'TOO_LONG' },
        { field: 'timezone', code: 'UNKNOWN_VALUE' },
      ]),
    );
    expect(body.fields).toHaveLength(6);
    const short = await agile(url, 'POST', '/members', caregiver({ mobile: '617555' }));
    expect(short.body.fields).toEqual([{ field: 'mobile', code: 'MALFORMED' }]);
  });

  it('refuses what is no JSON object, and whoever has no key', async () => {
    const { url } = await openWorld({ startAt });
    expect((await agile(url, 'POST', '/members', [1])).status).toBe(400);
    expect((await agile(url, 'GET', '/members', undefined, { authorization: '' })).status).toBe(401);
    expect((await agile(url, 'GET', '/members', undefined, { authorization: 'Bearer other' })).status).toBe(403);
    expect((await agile(url, 'GET', '/members/m_none/status')).status).toBe(404);
    const program = await fetch(`${url}/agile/v1/programs/other/members`, { headers: { authorization: 'Bearer key' } });
    expect(program.status).toBe(404);
  });

  it('takes names with accents, apostrophes and emoji as they are', async () => {
    const { url } = await openWorld({ startAt });
    const name = 'Zoë O’Neil-Ñandú 🦷';
    await agile(url, 'POST', '/members', caregiver({ firstName: name }));
    expect((await agile(url, 'GET', '/members?externalId=p-1')).body.members[0].firstName).toBe(name);
  });
});

describe('PUT member and arm', () => {
  it('updates only the version that the caller has seen', async () => {
    const { world, url } = await openWorld({ startAt });
    const { memberId } = (await agile(url, 'POST', '/members', caregiver())).body;
    const changed = caregiver({ firstName: 'Anna' });
    const done = await agile(url, 'PUT', `/members/${memberId}`, changed, { 'if-match': '"1"' });
    expect([done.status, done.body.version, done.headers.get('etag')]).toEqual([200, 2, '"2"']);
    const late = await agile(url, 'PUT', `/members/${memberId}`, changed, { 'if-match': '"1"' });
    expect([late.status, late.body]).toEqual([
      412,
      expect.objectContaining({ code: 'VERSION_MISMATCH', currentVersion: 2 }),
    ]);
    expect((await agile(url, 'PUT', `/members/${memberId}`, changed)).status).toBe(400);
    expect(world.agileStandIn.snapshot().ledger[memberId]).toMatchObject({ puts: 1 });
  });

  it('locks the arm once it is set', async () => {
    const { world, url } = await openWorld({ startAt });
    const { memberId } = (await agile(url, 'POST', '/members', caregiver())).body;
    const put = (arm: string) => agile(url, 'PUT', `/members/${memberId}/arm`, { arm, randomizedOn: '2018-09-03' });
    expect((await put('OHT')).status).toBe(200);
    expect((await put('OHT')).status).toBe(200);
    const other = await put('CWT');
    expect([other.status, other.body.code]).toEqual([409, 'ARM_LOCKED']);
    expect((await put('XYZ')).body.fields).toEqual([{ field: 'arm', code: 'UNKNOWN_VALUE' }]);
    expect(world.agileStandIn.snapshot().ledger[memberId]).toMatchObject({ armPuts: 1, armRepeats: 1 });
  });

  it('withdraws for good, also without the other fields, and gives the number back', async () => {
    const { world, url } = await openWorld({ startAt });
    const { memberId } = (await agile(url, 'POST', '/members', caregiver())).body;
    const gone = await agile(url, 'PUT', `/members/${memberId}`, { participation: 'withdrawn' }, { 'if-match': '"1"' });
    expect([gone.status, gone.body.status]).toEqual([200, 'WITHDRAWN']);
    later(world, 60 * 24 * 4);
    world.act({ do: 'text', mobile: '+16175550123', body: 'START' });
    const back = await agile(url, 'PUT', `/members/${memberId}`, { participation: 'active' }, { 'if-match': '"2"' });
    expect([back.status, back.body.code]).toEqual([409, 'MEMBER_WITHDRAWN']);
    expect((await agile(url, 'GET', `/members/${memberId}/status`)).body.status).toBe('WITHDRAWN');
    expect((await agile(url, 'POST', '/members', caregiver({ externalId: 'p-2' }))).status).toBe(201);
  });
});

describe('GET members', () => {
  it('finds one by externalId, or nobody', async () => {
    const { url } = await openWorld({ startAt });
    const { memberId } = (await agile(url, 'POST', '/members', caregiver())).body;
    const found = await agile(url, 'GET', '/members?externalId=p-1');
    expect(found.body).toEqual({
      members: [expect.objectContaining({ memberId, externalId: 'p-1', version: 1, participation: 'active' })],
      nextCursor: null,
    });
    expect((await agile(url, 'GET', '/members?externalId=p-9')).body).toEqual({ members: [], nextCursor: null });
  });

  it('lists what changed since, a hundred at a time, each once', async () => {
    const { world, url } = await openWorld({ startAt });
    for (let i = 0; i < 205; i += 1) {
      const mobile = `+1617555${String(1000 + i)}`;
      await agile(url, 'POST', '/members', caregiver({ externalId: `p-${i}`, mobile }));
      if (i === 99) world.advanceTo(new Date('2018-09-03T12:00:30Z'));
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await agile(url, 'GET', `/members?changedSince=2018-09-03T12:00:00Z&cursor=${cursor}`);
      seen.push(...page.body.members.map((m: { externalId: string }) => m.externalId));
      sizes.push(page.body.members.length);
      cursor = page.body.nextCursor;
    }
    expect(sizes).toEqual([100, 100, 5]);
    expect(new Set(seen).size).toBe(205);
    const recent = await agile(url, 'GET', '/members?changedSince=2018-09-03T12:00:30Z');
    expect(recent.body.members).toHaveLength(100);
    expect((await agile(url, 'GET', '/members?changedSince=yesterday')).status).toBe(400);
    expect((await agile(url, 'GET', '/members?cursor=nonsense')).status).toBe(400);
  });
});

describe('faults', () => {
  async function withFault(fault: object) {
    const opened = await openWorld({ startAt });
    await fetch(`${opened.url}/__sandbox/faults`, { method: 'POST', body: JSON.stringify({ target: 'agile', fault }) });
    return opened;
  }
  const enrol = (url: string) => agile(url, 'POST', '/members', caregiver());

  it('timeout-after-commit: the member is there, the answer never came', async () => {
    const { world, url } = await withFault({ kind: 'timeout-after-commit', ms: 20 });
    await expect(enrol(url)).rejects.toThrow();
    expect(world.members).toBe(1);
    expect((await enrol(url)).status).toBe(200);
  });

  it('reset: nothing was done', async () => {
    const { world, url } = await withFault({ kind: 'reset', match: { method: 'POST' } });
    await expect(enrol(url)).rejects.toThrow();
    expect(world.members).toBe(0);
  });

  it('429 says when to come back, 503 refuses; both do nothing', async () => {
    const { world, url } = await withFault({ kind: '429', ms: 3000 });
    const slow = await enrol(url);
    expect([slow.status, slow.headers.get('retry-after')]).toEqual([429, '3']);
    world.addFault('agile', { kind: '503', times: 2 });
    expect([(await enrol(url)).status, (await enrol(url)).status, world.members]).toEqual([503, 503, 0]);
    expect((await enrol(url)).status).toBe(201);
  });

  it('content-type, empty and truncated answer 200 or 201 with what is no member', async () => {
    for (const kind of ['content-type', 'empty', 'truncated']) {
      const { world, url } = await withFault({ kind });
      const answer = await enrol(url);
      expect([kind, answer.body, world.members]).toEqual([kind, null, 1]);
    }
  });

  it('slow answers later', async () => {
    const { url } = await withFault({ kind: 'slow', ms: 150 });
    const before = performance.now();
    expect((await enrol(url)).status).toBe(201);
    expect(performance.now() - before).toBeGreaterThanOrEqual(145);
  });

  it('forgetful: a second member for a known externalId', async () => {
    const { world, url } = await withFault({ kind: 'forgetful', times: 0, match: { method: 'POST' } });
    const first = await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k' });
    const second = await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.memberId).toBe(`${first.body.memberId}_2`);
    expect(world.members).toBe(2);
  });

  it('missing-rows, stale and clock-skew lie in a list', async () => {
    const { world, url } = await openWorld({ startAt });
    await enrol(url);
    later(world, 1);
    world.addFault('agile', { kind: 'stale' });
    expect((await agile(url, 'GET', '/members')).body.members[0].status).toBe('RECEIVED');
    world.addFault('agile', { kind: 'clock-skew', ms: -3_600_000 });
    expect((await agile(url, 'GET', '/members')).body.members[0].statusAt).toBe('2018-09-03T11:01:00Z');
    world.addFault('agile', { kind: 'missing-rows' });
    expect((await agile(url, 'GET', '/members')).body.members).toEqual([]);
    expect((await agile(url, 'GET', '/members')).body.members[0].status).toBe('NUMBER_CHECKING');
  });
});
