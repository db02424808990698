import { surveyLinkRequested } from '@studybridge/contracts';
import { eventually } from '@studybridge/testing';
import { ismileXml } from './project-xml';
import { clearStage, family, setStage } from './stage';

afterEach(clearStage);

async function ready() {
  const stage = await setStage({ xml: ismileXml({ surveys: ['survey_2m'] }) });
  stage.save('1', { ...family, rand_arm: '2', rand_date: '2018-09-04' });
  stage.save('2', family);
  await stage.poll();
  const ask = (participantId: string, more: object = {}) =>
    stage.say(surveyLinkRequested, {
      requestId: 'ismile.test|one|survey-2m',
      participantId,
      project: 'main',
      event: '2_month_arm_2',
      instrument: 'survey_2m',
      instance: 0,
      ...more,
    });
  const asked = () => stage.client().log({ logtype: 'manage' });
  return Object.assign(stage, { ask, asked });
}

describe('survey links', () => {
  it('gives a participant’s own link, sealed, and the same one again when asked again', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    await stage.ask(id);
    await stage.idle();
    const [first] = await stage.links();
    expect(first).toMatchObject({ requestId: 'ismile.test|one|survey-2m', participantId: id, reason: null });
    expect(first!.link).toMatch(/\/surveys\/\?s=[A-Z0-9]{16}$/);
    const outbox = await stage.query<{ envelope: string }>('SELECT envelope FROM bus_outbox');
    expect(JSON.stringify(outbox)).not.toContain('surveys/?s=');
    expect(stage.logged()).not.toContain('surveys/?s=');
    expect(JSON.stringify(await stage.query('SELECT * FROM survey_link'))).not.toContain('surveys/?s=');

    await stage.ask(id);
    await stage.idle();
    expect((await stage.links()).map(({ link }) => link)).toEqual([first!.link, first!.link]);
  });

  it('answers with the reason where there is no link', async () => {
    const stage = await ready();
    const { id: one } = await stage.participant('1');
    const { id: two } = await stage.participant('2');
    stage.save('3', family);
    stage.pass(15);
    await stage.poll();
    const { id: gone } = await stage.participant('3');
    stage.world.act({ do: 'delete-record', record: '3', user: 'ra_jones' });
    stage.pass(15);
    await stage.poll();
    const refused: [string, string, object][] = [
      ['UNKNOWN_RECORD', '00000000-0000-4000-8000-000000000000', {}],
      ['RECORD_DELETED', gone, {}],
      ['UNKNOWN_EVENT', one, { event: '2_month_arm_9' }],
      ['WRONG_ARM', one, { event: '2_month_arm_3' }],
      ['WRONG_ARM', two, {}],
      ['NOT_DESIGNATED', one, { event: '4_month_arm_2' }],
      ['NOT_DESIGNATED', one, { instance: 2 }],
      // REDCap’s own refusal: the form is designated, but no survey.
      ['SURVEY_LINK_MISSING', one, { event: '4_month_arm_2', instrument: 'survey_4m' }],
    ];
    for (const [at, [, participantId, place]] of refused.entries()) {
      await stage.ask(participantId, { ...place, requestId: `request ${at}` });
    }
    await stage.idle();
    const answers = new Map((await stage.links()).map((answer) => [answer.requestId, answer]));
    expect(refused.map((_one, at) => answers.get(`request ${at}`)?.reason)).toEqual(refused.map(([reason]) => reason));
    expect([...answers.values()].every(({ link }) => link === null)).toBe(true);
  });

  it('waits while REDCap is away, for each kind of trouble, and answers once when it is back', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    const match = { content: 'surveyLink' };
    for (const kind of ['503', 'reset', 'timeout-after-commit', 'content-type', 'empty'] as const) {
      stage.world.addFault('redcap', { kind, match, times: 1, ms: 100 });
    }
    await stage.ask(id);
    await stage.idle();
    expect(await stage.links()).toEqual([expect.objectContaining({ reason: null })]);
  });

  it('holds the question while the token lacks the right, hinders nothing else, and heals', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.setRights({ manage_survey_participants: 0 });
    await stage.ask(id);
    await stage.idle();
    expect(await stage.links()).toEqual([]);
    expect(await stage.problems()).toEqual([expect.stringContaining('survey links wait')]);
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect((await stage.status()).writes.applied).toBe(1);
    stage.setRights({ manage_survey_participants: 1 });
    stage.pass(15);
    await stage.poll();
    await stage.idle();
    expect(await stage.links()).toEqual([expect.objectContaining({ reason: null })]);
    expect(await stage.problems()).toEqual([]);
  });

  it('a process that lost its lease answers nothing; the next one does', async () => {
    const stage = await ready();
    const { id } = await stage.participant('1');
    stage.world.addFault('redcap', { kind: 'slow', match: { content: 'surveyLink' }, times: 1, ms: 700 });
    await stage.ask(id);
    await eventually(() => stage.steal('redcap-links:ismile.test/main').then(() => true));
    await stage.idle();
    expect(await stage.links()).toHaveLength(1);
  });
});
