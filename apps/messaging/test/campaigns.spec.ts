import {
  projectPolled,
  surveyLinkFound,
  surveyLinkRequested,
  writeRequested,
  writeSettled,
  type SurveyLinkRequested,
  type WriteRequested,
} from '@studybridge/contracts';
import type { ReasonCode, Row } from '@studybridge/contracts';
import { openCellValue, type Sealer } from '@studybridge/service-kit';
import { studyById, type MessageCampaign, type MessagingDefinition } from '@studybridge/studies';
import { clearStage, setStage } from './harness';
import { testDefinition } from './test-study';

afterEach(clearStage);

const binding = 'ismile.test';
const zelda = '+16175550142';
const event = '2_month_arm_2';
const value = (person: readonly Row[], field: string): string =>
  person.find((row) => field in row.values)?.values[field] ?? '';

/** Whoever has a visit date is invited three days running, until the survey is done. */
const campaign: MessageCampaign = {
  job: 'invitations',
  purposes: ['invitation'],
  due(person, { today, sentBefore }) {
    const visit = value(person, 'visit');
    if (visit === '' || today < visit) return null;
    if (value(person, 'survey') === '2') return 'SURVEY_DONE';
    if (sentBefore.some((one) => one.waiting || one.sentOn === today) || sentBefore.length >= 3) return null;
    const attempt = sentBefore.length + 1;
    return [
      {
        purpose: 'invitation',
        template: 'invitation',
        occurrence: String(attempt),
        log: { event, instance: attempt },
        link: { event, instrument: 'survey_2m', instance: 0 },
        data: { n: String(attempt) },
        decidedOn: visit,
        firstDay: today,
        lastDay: today,
      },
    ];
  },
  stillDue: (person) => (value(person, 'survey') === '2' ? 'SURVEY_DONE' : null),
};

const definition: MessagingDefinition = {
  ...testDefinition,
  campaigns: [campaign],
  purposes: { ...testDefinition.purposes, invitation: { ...testDefinition.purposes['invitation']!, cap: null } },
  templates: {
    ...testDefinition.templates,
    invitation: {
      channel: 'sms',
      longest: { n: '1', link: 'https://redcap.example.org/surveys/?s=WWWWWWWWWWWWWWWW' },
      body: { en: ({ n, link }) => `Survey ${n}: ${link}`, es: ({ n, link }) => `Encuesta ${n}: está en ${link}` },
    },
  },
  caps: { perParticipantPerDay: 5, perParticipantPerWeek: 9, perRun: 3 },
  log: studyById('ismile').messaging?.log ?? null,
};

async function ready(o: { polled?: boolean; log?: boolean } = {}) {
  const { log = true } = o;
  const stage = await setStage({ definition: log ? definition : { ...definition, log: null } });
  await stage.playTo('2018-10-02T16:00:00Z');
  const { jobs } = stage.room.context;
  const others = stage.others;
  const asked = () =>
    others.requests
      .filter((one) => one.type === surveyLinkRequested.type)
      .map((one) => one.payload as SurveyLinkRequested);
  const writes = () =>
    others.requests.filter((one) => one.type === writeRequested.type).map((one) => one.payload as WriteRequested);
  const more = {
    asked,
    writes,
    async polled() {
      const asOf = stage.world.now.toISOString();
      await others.say(projectPolled, `${binding}/main`, 'live', {
        project: 'main',
        kind: 'ids',
        asOf,
        recordsSeen: 1,
        participantsChanged: 0,
        binding,
      });
      await stage.idle();
    },
    async run(dryRun = false) {
      const id = await jobs.run('invitations', { binding, wait: true, dryRun });
      await stage.idle();
      const runs = await jobs.runs('invitations', 50);
      return runs.find((one) => one.id === id)!;
    },
    /** The gateway answers the latest question. */
    async answer(reason: ReasonCode | null = null) {
      const { requestId, participantId } = asked().at(-1)!;
      const url = `https://redcap.example.org/surveys/?s=${'A'.repeat(16)}`;
      await others.say(surveyLinkFound, participantId, 'live', {
        requestId,
        participantId,
        link: reason === null ? stage.sealer.seal('ismile', `survey-link:${requestId}`, url) : null,
        reason,
      });
      await stage.idle();
    },
    /** The gateway settles the latest write. */
    async settle(reason: ReasonCode | null) {
      const { cells, ...write } = writes().at(-1)!;
      await others.say(writeSettled, write.participantId, 'live', {
        ...write,
        cells: cells.map(({ basedOn: _basedOn, ...cell }) => ({
          ...cell,
          outcome: reason === null ? ('applied' as const) : ('refused' as const),
          reason,
        })),
      });
      await stage.idle();
    },
    pass: (hours: number) => stage.playTo(new Date(stage.world.now.getTime() + hours * 3_600_000)),
    messages: () =>
      stage.sql<{ occurrence: string; state: string; reason: string | null; cause: string }>(
        `SELECT due->>'occurrence' AS occurrence, state, reason, cause FROM message ORDER BY position`,
      ),
  };
  if (o.polled ?? true) await more.polled();
  return Object.assign(stage, more);
}

/** A log write's cells, those opened that identify. */
const cellsOf = (write: WriteRequested, sealer: Sealer): Record<string, string> =>
  Object.fromEntries(
    write.cells.map((cell) => [
      cell.field,
      openCellValue(sealer, { ...cell, study: 'ismile', participantId: write.participantId }, cell.value),
    ]),
  );

describe('a campaign', () => {
  it('asks for the link, sends once a run however often it runs, and stops on completion', async () => {
    const stage = await ready();
    const id = await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02', lang: '2' });
    await stage.idle();
    expect((await stage.run()).counts).toMatchObject({ participants: 1, due: 1, planned: 1, links: 1 });
    expect(stage.asked()).toMatchObject([{ participantId: id, event, instrument: 'survey_2m', instance: 0 }]);
    await stage.run();
    expect(stage.asked()).toHaveLength(1);
    await stage.answer();
    await stage.run();
    await stage.pass(1);
    expect(stage.received(zelda)).toEqual([
      `Encuesta 1: está en https://redcap.example.org/surveys/?s=${'A'.repeat(16)}`,
    ]);

    await stage.pass(23);
    await stage.run();
    // Done while the second one waits for its link.
    await stage.others.change(id, { survey: '2' });
    await stage.idle();
    await stage.answer();
    await stage.pass(1);
    expect(stage.received(zelda)).toHaveLength(1);
    expect(await stage.messages()).toMatchObject([
      { occurrence: '1', state: 'delivered' },
      { occurrence: '2', state: 'suppressed', reason: 'SURVEY_DONE' },
    ]);
    const last = await stage.run();
    expect(last.log).toEqual(['nothing now, SURVEY_DONE: 1']);
    const tables = JSON.stringify(await stage.sql('SELECT * FROM message')) + stage.logged();
    expect(tables).not.toMatch(/surveys\/\?s=|5550142/);
  });

  it('sends nothing for a baseline, also when something else of the family changes later', async () => {
    const stage = await ready();
    const id = await stage.others.newPerson({ mobile: zelda, visit: '2018-10-01' }, { cause: 'baseline' });
    const later = await stage.others.newPerson({ mobile: '+16175550143' }, { cause: 'baseline' });
    await stage.idle();
    await stage.others.change(id, { email: 'new@family.example' });
    await stage.others.change(later, { visit: '2018-10-02' });
    await stage.idle();
    await stage.run();
    expect(stage.asked().map(({ participantId }) => participantId)).toEqual([later]);
    expect((await stage.messages()).find((one) => one.cause === 'baseline')).toMatchObject({
      state: 'held',
      reason: 'BASELINE_NOT_RELEASED',
    });
    expect((await stage.messages()).filter((one) => one.cause === 'live')).toHaveLength(1);
  });

  it('waits for a poll, and does nothing before', async () => {
    const stage = await ready({ polled: false });
    await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02' });
    await stage.idle();
    expect(await stage.run()).toMatchObject({ state: 'failed', errorCode: 'POLL_TOO_OLD' });
    expect(await stage.messages()).toEqual([]);
    await stage.polled();
    expect(await stage.run()).toMatchObject({ state: 'done' });
  });

  it('holds a message without a link and asks again a day later', async () => {
    const stage = await ready();
    await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02' });
    await stage.idle();
    await stage.run();
    await stage.answer('SURVEY_LINK_MISSING');
    expect(await stage.messages()).toMatchObject([{ state: 'held', reason: 'SURVEY_LINK_MISSING' }]);
    await stage.run();
    expect(stage.asked()).toHaveLength(1);
    await stage.pass(24);
    await stage.run();
    // The first one's day is over; the next one asks for itself.
    expect(stage.asked().length).toBeGreaterThan(1);
    await stage.answer();
    await stage.pass(1);
    expect(stage.received(zelda)).toHaveLength(1);
  });

  it('says in a dry run who would get what and why the others not; nothing leaves, nothing is kept', async () => {
    const stage = await ready();
    await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02', lang: '2' });
    await stage.others.newPerson({ mobile: '+16175550143', visit: '2018-10-02', survey: '2' });
    await stage.others.newPerson({ mobile: '+16175550144', visit: '2018-10-02', ok: '0' });
    await stage.idle();
    const { log, counts } = await stage.run(true);
    expect(counts).toMatchObject({ participants: 3, due: 2, planned: 0 });
    expect(log.join('\n')).toContain('SURVEY_DONE');
    expect(log.join('\n')).toContain('TEXTING_NOT_ALLOWED');
    expect(log.join('\n')).not.toMatch(/617555/);
    expect(await stage.messages()).toEqual([]);
    expect(stage.asked()).toEqual([]);
  });
});

describe('the SMS log', () => {
  it('gets one instance per message where the study repeats it, once it has come to an end', async () => {
    const stage = await ready();
    const id = await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02' });
    await stage.idle();
    await stage.run();
    await stage.answer();
    expect(stage.writes()).toEqual([]);
    await stage.pass(1);
    expect(stage.writes()).toHaveLength(1);
    const [write] = stage.writes();
    expect(write).toMatchObject({ participantId: id, project: 'main', owner: 'messaging' });
    expect(new Set(write!.cells.map((cell) => `${cell.event}/${cell.instrument}/${cell.instance}`))).toEqual(
      new Set([`${event}/sms_survey_log/1`]),
    );
    expect(cellsOf(write!, stage.sealer)).toMatchObject({
      txt_message: expect.stringMatching(/^Survey 1: https/),
      txt_mobile_number: zelda,
      txt_twilio_sid: expect.stringMatching(/^SM[0-9a-f]{32}$/),
      txt_twilio_status: 'delivered',
      // Wall time of the study's zone: noon in Boston.
      txt_date_created: expect.stringMatching(/^2018-10-02 12:0\d:\d\d$/),
      txt_last_timestamp: expect.stringMatching(/^2018-10-02 12:/),
      txt_twilio_error_code: '',
      sms_survey_log_complete: '2',
    });
    expect(cellsOf(write!, stage.sealer)).not.toHaveProperty('txt_manual_date');
    // What identifies travels and rests sealed (law 9).
    const sealed = write!.cells.filter(({ value }) => typeof value !== 'string').map(({ field }) => field);
    expect(sealed.sort()).toEqual(['txt_message', 'txt_mobile_number']);
    const tables = await Promise.all(
      ['bus_outbox', 'log_write', 'message', 'participant'].map((table) => stage.sql(`SELECT * FROM ${table}`)),
    );
    expect(JSON.stringify(tables) + JSON.stringify(stage.others.requests)).not.toMatch(/555-?0142|surveys\/\?s=/);
    await stage.settle(null);
    await stage.pass(23);
    await stage.run();
    await stage.answer();
    await stage.pass(1);
    expect(stage.writes().at(-1)!.cells[0]!.instance).toBe(2);
  });

  it('follows the live project: the event’s one row where the log does not repeat', async () => {
    const stage = await ready();
    await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02' });
    await stage.idle();
    await stage.run();
    await stage.answer();
    await stage.pass(1);
    await stage.settle('NOT_DESIGNATED');
    expect(stage.writes()).toHaveLength(2);
    expect(
      stage
        .writes()
        .at(-1)!
        .cells.every((cell) => cell.instance === 0),
    ).toBe(true);
    await stage.settle('NOT_DESIGNATED');
    // No back and forth.
    expect(stage.writes()).toHaveLength(2);
    // What was learned holds for the next.
    await stage.pass(23);
    await stage.run();
    await stage.answer();
    await stage.pass(1);
    expect(stage.writes()).toHaveLength(3);
    expect(stage.writes().at(-1)!.cells[0]!.instance).toBe(0);
  });

  it('takes the next instance where staff took one, and tells of failures', async () => {
    const stage = await ready();
    stage.world.changeTwilio({ phones: { [zelda]: { outcome: 'undelivered-30006' } } });
    await stage.others.newPerson({ mobile: zelda, visit: '2018-10-02' });
    await stage.idle();
    await stage.run();
    await stage.answer();
    await stage.pass(1);
    expect(cellsOf(stage.writes().at(-1)!, stage.sealer)).toMatchObject({
      txt_twilio_status: 'undelivered',
      txt_twilio_error_code: '30006',
      sms_survey_log_complete: '2',
    });
    await stage.settle('INSTANCE_TAKEN');
    expect(stage.writes().at(-1)!.cells[0]!.instance).toBe(2);
    await stage.settle(null);
    expect((await stage.get<{ log: object }>('/status')).log).toEqual({ written: 1, asked: 0, refused: {} });
  });
});
