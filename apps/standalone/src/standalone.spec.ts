import { findCommand, parseArguments } from './ops-arguments';
import { readOptions } from './options';
import { isPlayed, ownWorld, playsMail, playsTexts } from './own-world';
import { summarise } from './summary';
import { table } from './table';

describe('options', () => {
  it('reads what npm start was asked', () => {
    expect(readOptions(['--once', '--json'])).toMatchObject({ once: true, json: true, fresh: false, pairs: 120 });
  });
  it('names what it does not know', () => {
    expect(() => readOptions(['--onc'])).toThrow(/--onc/);
    expect(readOptions(['--pairs', '850']).pairs).toBe(850);
    for (const pairs of ['2', '851', '12.5', 'many']) {
      expect(() => readOptions(['--pairs', pairs])).toThrow(/from 3 to 850/);
    }
  });
});

describe('a world of one’s own', () => {
  it('is each side with both of its settings, the secret also as a file', () => {
    const none = { redcap: false, agileHealth: false, twilio: false, mail: false };
    expect(ownWorld({})).toEqual(none);
    expect(isPlayed(ownWorld({}))).toBe(true);
    expect([playsTexts, playsMail].map((plays) => plays(ownWorld({})))).toEqual([true, true]);
    expect(ownWorld({ REDCAP_URL: 'http://r/api/', REDCAP_TOKEN_ISMILE_FILE: '/x' })).toEqual({
      ...none,
      redcap: true,
    });
    const own = ownWorld({
      TWILIO_ACCOUNT_SID: 'AC',
      TWILIO_AUTH_TOKEN: 't',
      SMTP_HOST: 'h',
      MAIL_FROM: 'a@b.example',
    });
    expect(own).toEqual({ ...none, twilio: true, mail: true });
    expect(isPlayed(own)).toBe(false);
    expect(() => ownWorld({ TWILIO_ACCOUNT_SID: 'AC', SMTP_HOST: 'h' })).toThrow(/TWILIO_AUTH_TOKEN.*MAIL_FROM/s);
  });
  it('says every half-given pair at once', () => {
    expect(() => ownWorld({ REDCAP_URL: 'http://r/api/', AGILE_HEALTH_KEY: 'k' })).toThrow(
      /REDCAP_TOKEN_ISMILE.*AGILE_HEALTH_URL/s,
    );
  });
});

describe('ops arguments', () => {
  it('finds a command in one word or two', () => {
    expect(findCommand(['jobs', 'run', 'name=x'], ['jobs.run'])).toEqual({ command: 'jobs.run', rest: ['name=x'] });
    expect(findCommand(['jobs.run'], ['jobs.run'])).toEqual({ command: 'jobs.run', rest: [] });
    expect(() => findCommand(['nothing'], ['jobs.run'])).toThrow(/nothing/);
  });
  it('reads pairs', () => {
    expect(parseArguments(['name=a=b', 'dryRun=true', 'n=12'])).toEqual({ name: 'a=b', dryRun: true, n: 12 });
    expect(() => parseArguments(['name'])).toThrow(/name=value/);
  });
});

describe('the summary', () => {
  const study = { consented: 3, enrolled: 2, armAssigned: 1, statusWritten: 2, held: { PHONE_MISSING: 1 } };
  const base = { bus: 'in-process' as const, durationMs: 5, studyTime: '2018-11-09T00:00:00.000Z', problems: [] };

  it('adds up what the services say', () => {
    const summary = summarise(
      base,
      [
        { writes: { applied: 7, refused: { NOT_OWNED: 1 } }, calls: { redcapExports: 4 }, attention: { DRIFT: 1 } },
        {
          studies: { ismile: study },
          calls: { partnerPosts: 2, partnerPuts: 1 },
          attention: { DRIFT: 1, OPT_IN_EXPIRED: 2 },
        },
      ],
      [{ name: 'redcap-poll', runs: 2, failed: 0 }],
    );
    expect(summary).toMatchObject({
      ok: true,
      studies: { ismile: study },
      writes: { applied: 7, refused: { NOT_OWNED: 1 } },
      calls: { redcapExports: 4, redcapImports: 0, partnerPosts: 2, partnerPuts: 1 },
      attention: { DRIFT: 2, OPT_IN_EXPIRED: 2 },
    });
  });

  it('is not ok with a problem', () => {
    expect(summarise({ ...base, problems: ['REDCap is down.'] }, [], []).ok).toBe(false);
  });

  it('tells a person who waits, why, and what to do', () => {
    const text = table(summarise(base, [{ studies: { ismile: study } }], []));
    expect(text).toMatch(/PHONE_MISSING\s+1\s+No mobile number is recorded\. Ask the caregiver/);
    expect(text).toMatch(/families consented\s+3/);
  });
});
