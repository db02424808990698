import { createInProcessCarrier } from '@studybridge/event-bus';
import { messaging } from '@studybridge/messaging/module';
import { redcapGateway } from '@studybridge/redcap-gateway/module';
import { createWorld, playWorld, sandboxToken, type World } from '@studybridge/sandbox';
import { createLogger, generateStudyKeys, startService, type RunningService } from '@studybridge/service-kit';
import { capsCohort, capsOracle, type CapsLogRow } from '@studybridge/studies';
import { testDatabase } from '@studybridge/testing';

type Cells = Record<string, string>;
const token = sandboxToken('caps');
const opsToken = 'only-for-this-test-0123456789abcdef';

/** The talk's demo project from the exam that staff save to the row that comes back into its SMS log. */
describe.each([
  ['whose log is one row per event, as in the talk', false],
  ['whose log repeats', true],
])('the demo project %s', (_, repeatingLog) => {
  const cohort = capsCohort({ repeatingLog });
  const expected = capsOracle(cohort);
  let world: World;
  let rows: Cells[] = [];
  let log = '';

  beforeAll(async () => {
    world = createWorld({ cohort });
    const { url } = await world.listen(0);
    const databases = [await testDatabase('gateway'), await testDatabase('messaging')];
    const carrier = createInProcessCarrier({ expects: {} });
    const destination = { write: (line: string) => void (log += line) };
    const logger = createLogger({ service: 'caps-flow', level: 'debug', destination });
    const env = {
      DATABASE_URL_REDCAP_GATEWAY: databases[0]!.url,
      DATABASE_URL_MESSAGING: databases[1]!.url,
      STUDIES: 'caps',
      STUDY_KEYS: generateStudyKeys(['caps']),
      STUDYBRIDGE_ENVIRONMENT: 'sandbox',
      GO_LIVE_AT: cohort.startAt,
      REDCAP_URL: `${url}/redcap/api/`,
      REDCAP_TOKEN_CAPS: token,
      REDCAP_CALLS_PER_MINUTE: '0',
      TWILIO_URL: url,
      TWILIO_ACCOUNT_SID: world.twilio.accountSid,
      TWILIO_AUTH_TOKEN: world.twilio.authToken,
      SENDERS: JSON.stringify([{ number: '+12025550110', kind: 'long', binding: 'caps.sandbox' }]),
      OPS_TOKEN: opsToken,
      PORT: '0',
    };
    const services: RunningService[] = [];
    try {
      const common = { env, extras: { carrier }, clock: world.clock, logger };
      services.push(await startService(redcapGateway, common), await startService(messaging, common));
      await playWorld({ world, services: services.map(({ name, url: at }) => ({ name, url: at })), opsToken });
      const form = { token, format: 'json', content: 'record', fields: 'record_id', forms: 'sms_survey_log' };
      const answer = await fetch(env.REDCAP_URL, { method: 'POST', body: new URLSearchParams(form) });
      rows = ((await answer.json()) as Cells[]).filter((row) => row.txt_message || row.txt_manual_date);
    } finally {
      for (const service of services) await service.stop();
      await world.close();
      for (const database of databases) await database.drop();
    }
  }, 300_000);

  it('ends with what the notebook would have written, less its defects', () => {
    const found = rows.map((row): CapsLogRow => ({
      record: row.record_id!,
      event: row.redcap_event_name!,
      instance: Number(row.redcap_repeat_instance) || 0,
      txt_message: row.txt_message!,
      txt_mobile_number: row.txt_mobile_number!,
      txt_twilio_status: row.txt_twilio_status!,
      txt_twilio_error_code: row.txt_twilio_error_code!,
      txt_manual_date: row.txt_manual_date!,
      sms_survey_log_complete: row.sms_survey_log_complete!,
    }));
    found.sort((a, b) => Number(a.record) - Number(b.record) || a.instance - b.instance);
    expect(found).toEqual(expected.rows);
  });

  it('says of each text when it was made and what Twilio calls it, and why only where it failed', () => {
    const own = rows.filter((row) => row.txt_message && row.txt_twilio_status !== 'queued');
    expect(own).toHaveLength(expected.sent.length);
    expect(new Set(own.map((row) => row.txt_twilio_sid)).size).toBe(own.length);
    for (const row of own) {
      expect(row.txt_twilio_sid).toMatch(/^SM[0-9a-f]{32}$/);
      const { day } = expected.sent.find(({ record }) => record === row.record_id)!;
      for (const field of ['txt_date_created', 'txt_date_updated', 'txt_last_timestamp']) {
        expect([row.record_id, field, row[field]]).toEqual([row.record_id, field, expect.stringContaining(day)]);
      }
      expect(row.txt_twilio_error_msg !== '').toBe(row.txt_twilio_error_code !== '');
    }
  });

  it('brought each person one text and nobody else any', () => {
    const handsets = world.handsets();
    const received = Object.entries(handsets).flatMap(([mobile, { received: texts }]) =>
      texts.filter(({ body }) => body.startsWith('Thanks')).map(({ body }) => `${mobile} ${body}`),
    );
    const wanted = expected.sent.filter(({ outcome }) => outcome === 'delivered');
    expect(received.sort()).toEqual(wanted.map(({ mobile, text }) => `${mobile} ${text}`).sort());
  });

  it('left no number and no text in the logs', () => {
    expect(log).not.toBe('');
    expect(log).not.toContain('Thanks ');
    for (const { mobile } of cohort.handsets) expect(log).not.toContain(mobile.slice(2));
  });
});
