import { randomUUID } from 'node:crypto';
import { jobEnded, type JobEnded } from '@studybridge/contracts';
import { clearStage, setStage } from './harness';

afterEach(clearStage);

const operator = '+12025550190';
const binding = 'ismile.test';
const minuteMs = 60_000;

async function ready(env: Record<string, string> = {}) {
  const stage = await setStage({
    senders: [{ number: '+12025550111', purpose: 'operator', segmentsPerSecond: 1_000, messageEveryMs: 0 }],
    env: (world) => ({
      SMTP_HOST: world.mail.host,
      SMTP_PORT: String(world.mail.port),
      SMTP_TLS: 'off',
      MAIL_FROM: 'studybridge@study.example',
      OPERATOR_EMAIL: 'operator@study.example',
      OPERATOR_PHONE: operator,
      JOB_SUMMARY_CRON: 'off',
      // The test’s own jobs are the only ones of interest.
      JOB_MAILS: 'replies=never,message-due=never,message-follow-up=never',
      ...env,
    }),
  });
  await stage.playTo('2018-10-02T16:00:00Z');
  const pass = (minutes: number) => stage.playTo(new Date(stage.world.now.getTime() + minutes * minuteMs));
  const more = {
    pass,
    mails: () => stage.world.mailbox(0).map(({ subject, text }) => ({ subject, text })),
    texts: () => stage.received(operator),
    /** A run of another service ends. */
    async ended(run: Partial<JobEnded> = {}) {
      const now = stage.world.now.toISOString();
      const payload: JobEnded = {
        ...jobEnded.example,
        job: 'full-comparison',
        service: 'redcap-gateway',
        binding,
        runId: randomUUID(),
        dueAt: now,
        startedAt: now,
        endedAt: now,
        nextDueAt: null,
        counts: {},
        ...run,
      };
      await stage.others.say(jobEnded, jobEnded.key(payload), 'live', payload);
      await pass(1);
      return payload;
    },
  };
  return Object.assign(stage, more);
}

const failure = { outcome: 'failed', sentence: 'REDCap did not answer. Wait.', errorCode: 'REDCAP_TIMEOUT' } as const;

describe('the result of a job', () => {
  it('is mailed with its counts and its log, once', async () => {
    const stage = await ready();
    const run = await stage.ended({ counts: { records: 12, changed: 1 }, log: ['2 doubts'], sentence: 'Done.' });
    await stage.others.say(jobEnded, jobEnded.key(run), 'live', run);
    await stage.pass(1);
    expect(stage.mails()).toHaveLength(1);
    const [mail] = stage.mails();
    expect(mail!.subject).toBe(`[Studybridge] full-comparison ${binding}: done`);
    expect(mail!.text).toMatch(/Done\.[\s\S]*records: 12[\s\S]*changed: 1[\s\S]*2 doubts/);
    expect(stage.texts()).toEqual([]);
  });

  it('is heard and let go where nobody is to be told', async () => {
    const stage = await ready({ OPERATOR_EMAIL: '', OPERATOR_PHONE: '' });
    await stage.ended(failure);
    const { topics } = await stage.get<{ topics: { heard: Record<string, number> } }>('/idle');
    expect(topics.heard[jobEnded.topic]).toBeGreaterThan(0);
    expect(await stage.sql('SELECT 1 FROM job_run_note')).toEqual([]);
    expect([...stage.mails(), ...stage.texts()]).toEqual([]);
  });

  it('of a frequent job is mailed when it fails and when it is well again; a dry run never', async () => {
    const stage = await ready();
    const poll = { job: 'redcap-poll' };
    await stage.ended(poll);
    await stage.ended({ dryRun: true });
    expect(stage.mails()).toEqual([]);
    await stage.ended({ ...poll, ...failure });
    for (let n = 0; n < 3; n += 1) await stage.ended({ ...poll, ...failure, kind: 'retry' });
    await stage.ended({ ...poll, outcome: 'abandoned' });
    await stage.ended(poll);
    expect(stage.mails().map(({ subject }) => subject.split(': ')[1])).toEqual([
      'failed',
      'well again after 4 failed run(s)',
    ]);
  });

  it('that failed, was late or was missed is texted, bundled, at most one text in 15 minutes', async () => {
    const stage = await ready();
    await stage.ended(failure);
    expect(stage.texts()).toEqual([`Studybridge: full-comparison ${binding} failed: REDCAP_TIMEOUT`]);
    const late = new Date(stage.world.now.getTime() - 50 * minuteMs).toISOString();
    await stage.ended({ job: 'agile-status', late: true, dueAt: late });
    await stage.ended({ job: 'visit-windows', ...failure });
    await stage.ended({ job: 'other', ...failure });
    await stage.pass(5);
    expect(stage.texts()).toHaveLength(1);
    await stage.pass(15);
    expect(stage.texts()).toHaveLength(2);
    expect(stage.texts()[1]).toMatch(
      /agile-status .* began 5\d minutes late .*visit-windows .* failed.*other .* failed/,
    );
    const all = stage.world.handsets()[operator]!.received.map(({ at }) => Date.parse(at));
    expect(all[1]! - all[0]!).toBeGreaterThanOrEqual(14 * minuteMs);

    // Due, and nobody ran it: another job’s end notices.
    await stage.pass(30);
    await stage.ended({
      job: 'campaign',
      nextDueAt: new Date(stage.world.now.getTime() + 10 * minuteMs).toISOString(),
    });
    await stage.pass(90);
    await stage.ended({ job: 'redcap-poll' });
    await stage.pass(15);
    expect(stage.texts().at(-1)).toMatch(/campaign .* has not run since it was due/);
  });

  it('is texted when there was nothing new for longer than is normal for the job, once', async () => {
    const stage = await ready({ JOB_QUIET_DAYS: '3' });
    const feed = { job: 'brushing-feed' };
    const day = async (counts: Record<string, number>) => {
      await stage.ended({ ...feed, counts });
      await stage.pass(24 * 60 - 1);
    };
    for (let n = 0; n < 7; n += 1) await day({ records: 5, sessions: 2 });
    for (let n = 0; n < 5; n += 1) await day({ records: 5, sessions: 0 });
    await stage.pass(20);
    expect(stage.texts()).toEqual([expect.stringMatching(/brushing-feed .*: nothing new for [34] days/)]);
  });

  it('has limits: mails and texts per day', async () => {
    const stage = await ready({
      JOB_MAILS_PER_DAY: '3',
      OPERATOR_TEXTS_PER_DAY: '2',
      OPERATOR_TEXT_EVERY_MINUTES: '1',
    });
    for (let n = 0; n < 6; n += 1) await stage.ended();
    expect(stage.mails()).toHaveLength(3);
    for (let n = 0; n < 5; n += 1) {
      await stage.ended({ job: `job-${n}`, ...failure });
      await stage.pass(2);
    }
    expect(stage.texts()).toHaveLength(2);
  });

  it('is summed up once a day, and telling it makes no news of its own', async () => {
    const stage = await ready({ JOB_SUMMARY_CRON: '0 13 * * *' });
    await stage.ended({ job: 'redcap-poll', counts: { changed: 2 } });
    await stage.ended({ job: 'redcap-poll', counts: { changed: 3 } });
    await stage.ended({ job: 'redcap-poll', ...failure });
    const before = stage.mails().length;
    await stage.playTo('2018-10-02T17:30:00Z');
    const mails = stage.mails().slice(before);
    expect(mails).toHaveLength(1);
    expect(mails[0]!.subject).toBe(`[Studybridge] ${binding}: 1 failed run(s)`);
    expect(mails[0]!.text).toMatch(/redcap-poll \(redcap-gateway\): 3 run\(s\), 1 failed[\s\S]*changed: 5/);
    await stage.playTo('2018-10-02T20:00:00Z');
    expect(stage.mails().slice(before)).toHaveLength(1);
  });

  it('is summed up since the summary before, however long ago that was', async () => {
    const stage = await ready({ JOB_SUMMARY_CRON: '0 13 2,4 * *' });
    await stage.ended({ job: 'redcap-poll', counts: { changed: 2 } });
    await stage.playTo('2018-10-02T17:30:00Z');
    const before = stage.mails().length;
    await stage.ended({ job: 'redcap-poll', counts: { changed: 3 } });
    await stage.playTo('2018-10-04T17:30:00Z');
    const mails = stage.mails().slice(before);
    expect(mails.map(({ text }) => text)).toEqual([expect.stringMatching(/1 run\(s\)[\s\S]*changed: 3/)]);
  });
});
