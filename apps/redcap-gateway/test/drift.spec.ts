import type { MetadataRow, RedcapClient } from '@studybridge/redcap-client';
import { clearStage, family, fieldsOf, setStage } from './stage';

afterEach(clearStage);

type Stage = Awaited<ReturnType<typeof setStage>>;

/** A stage with one family, polled, and then left alone until nothing of it stands in any overlap. */
async function settled(o: Parameters<typeof setStage>[0] = {}): Promise<Stage> {
  const stage = await setStage(o);
  stage.save('1', family);
  await stage.poll();
  stage.pass(60);
  await stage.poll();
  stage.pass(15);
  return stage;
}

/** Staff change the dictionary; what it was comes back. */
async function changeFields(stage: Stage, change: Record<string, Partial<MetadataRow> | null>): Promise<MetadataRow[]> {
  const client = stage.client();
  const before = await client.metadata();
  await client.importMetadata(
    before.flatMap((row) => {
      const to = change[row.field_name];
      return to === null ? [] : [{ ...row, ...to }];
    }),
  );
  return before;
}

const projectOf = async (stage: Stage) => (await stage.status()).project['ismile.test/main']!;
const choices = (stage: Stage, field: string) =>
  stage
    .client()
    .metadata({ fields: [field] })
    .then(([row]) => row!.select_choices_or_calculations);

describe('drift, from poll to poll', () => {
  it('a renamed field: stops what it touches, says which mapping, and heals', async () => {
    const stage = await settled();
    const before = await changeFields(stage, { site_id: { field_name: 'clinic_id' } });
    await stage.poll();
    const { changes } = await projectOf(stage);
    expect(changes).toEqual([
      expect.objectContaining({
        kind: 'renamed-field',
        field: 'site_id',
        stops: true,
        touches: ['agile-member.siteCode'],
        sentence: 'The field site_id seems to have been renamed to clinic_id.',
      }),
    ]);
    expect((await stage.status()).attention).toEqual({ DRIFT: 1 });
    const { id } = await stage.participant('1');

    stage.pass(15);
    stage.save('1', { part_lang: '1' });
    await stage.poll();
    const said = (await stage.changed()).at(-1)!.payload;
    expect(fieldsOf(said.changed)).toEqual(['part_lang']);
    expect(said.rows.find((row) => row.instrument === 'participant_info')?.values.site_id).toBe('1');

    await stage.client().importMetadata(before);
    stage.save('1', { site_id: '3' });
    stage.pass(60);
    await stage.poll();
    const healed = await projectOf(stage);
    expect(healed).toMatchObject({ drift: [], changes: [] });
    expect((await stage.status()).attention).toEqual({});
    const last = (await stage.changed()).at(-1)!;
    expect(last.payload).toMatchObject({ participantId: id });
    expect(last.payload.rows.find((row) => row.instrument === 'participant_info')?.values.site_id).toBe('3');
  });

  it('what changed while it was stopped is read when it heals, although it is old, and acts', async () => {
    const stage = await settled();
    const before = await changeFields(stage, { site_id: { field_type: 'text', select_choices_or_calculations: '' } });
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([{ kind: 'type-changed', field: 'site_id', stops: true }]);
    stage.pass(15);
    stage.save('1', { site_id: '4' });
    await stage.poll();
    expect((await stage.changed()).at(-1)!.payload.rows[0]).not.toMatchObject({ values: { site_id: '4' } });
    stage.pass(24 * 60);
    await stage.poll();
    stage.pass(60);
    await stage.client().importMetadata(before);
    expect(await stage.poll()).toMatchObject({ changed: 1 });
    const last = (await stage.changed()).at(-1)!;
    expect(last.cause).toBe('reconcile');
    expect(fieldsOf(last.payload.changed)).toEqual(['site_id']);
    // Read once more, and no more.
    stage.pass(60);
    const calls = (await stage.status()).calls.redcapExports;
    await stage.poll();
    expect((await stage.status()).calls.redcapExports - calls).toBeLessThanOrEqual(3);
  });

  it('an added choice stops nothing; its sentence stands, and the new code flows', async () => {
    const stage = await settled();
    const before = await choices(stage, 'site_id');
    await changeFields(stage, { site_id: { select_choices_or_calculations: `${before} | 9, Far away` } });
    stage.save('1', { site_id: '9' });
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      {
        kind: 'added-choice',
        stops: false,
        touches: ['agile-member.siteCode'],
        sentence: 'The field site_id gained the code 9 (Far away); who has it is held until the study knows it.',
      },
    ]);
    const last = (await stage.changed()).at(-1)!.payload;
    expect(last.rows.find((row) => row.instrument === 'participant_info')?.values.site_id).toBe('9');
    // The dictionary has the code: nothing odd about the answer.
    expect((await stage.status()).attention).toEqual({ DRIFT: 1 });
  });

  it('a removed choice stops its field where somebody has it, and only says so where nobody has', async () => {
    const stage = await settled();
    const without = async (field: string, code: string) =>
      (await choices(stage, field))
        .split('|')
        .filter((choice) => choice.trim().split(',')[0] !== code)
        .join('|');
    await changeFields(stage, {
      site_id: { select_choices_or_calculations: await without('site_id', '1') },
      part_lang: { select_choices_or_calculations: await without('part_lang', '1') },
    });
    await stage.poll();
    const { changes } = await projectOf(stage);
    expect(changes.map(({ kind, field, stops }) => [kind, field, stops]).sort()).toEqual([
      ['removed-choice', 'part_lang', false],
      ['removed-choice-in-use', 'site_id', true],
    ]);
    expect(changes.find((change) => change.field === 'site_id')!.sentence).toBe(
      'The field site_id lost the code 1, which 1 participant(s) have.',
    );
  });

  it('what changes nothing that is read is no drift', async () => {
    const stage = await settled();
    await changeFields(stage, {
      // Another label, a branching, radio and dropdown, another order in which staff type a date.
      site_id: { field_label: 'Which clinic?', branching_logic: "[part_lang] = '1'", field_type: 'dropdown' },
      part_consent_date: { text_validation_type_or_show_slider_number: 'date_mdy' },
    });
    await stage.poll();
    expect(await projectOf(stage)).toMatchObject({ drift: [], changes: [] });
  });

  it('another validation stops the field', async () => {
    const stage = await settled();
    await changeFields(stage, { part_consent_date: { text_validation_type_or_show_slider_number: 'integer' } });
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      {
        kind: 'validation-changed',
        field: 'part_consent_date',
        stops: true,
        touches: expect.arrayContaining(['agile-enrolment.consentedOn']) as unknown,
      },
    ]);
  });

  it('a field that became an identifier is said', async () => {
    const stage = await settled();
    await changeFields(stage, { site_id: { identifier: 'y' } });
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([{ kind: 'identifier-added', stops: false }]);
  });
});

describe('drift of events', () => {
  const event = 'baseline_arm_1';

  it('an instrument moved away: its cells keep their values, writes to them wait, others go; it heals', async () => {
    const stage = await settled();
    const { id } = await stage.participant('1');
    const client = stage.client();
    const mapping = await client.formEventMapping();
    const away = mapping.filter((row) => row.unique_event_name !== event || row.form !== 'agile_link');
    await client.importFormEventMapping([
      ...away,
      { arm_num: 1, unique_event_name: 'screening_arm_1', form: 'agile_link' },
    ]);
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      {
        kind: 'moved-instrument',
        event,
        instrument: 'agile_link',
        stops: true,
        sentence: `The instrument agile_link is no longer designated to the event ${event}. It is now designated to screening_arm_1.`,
      },
    ]);
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    expect((await stage.settled()).at(-1)!.payload.cells).toMatchObject([{ outcome: 'refused', reason: 'DRIFT' }]);

    await client.importFormEventMapping(mapping);
    stage.pass(15);
    await stage.poll();
    await stage.idle();
    expect((await projectOf(stage)).changes).toEqual([]);
    expect(await stage.cells('1')).toMatchObject({ ag_status: '10' });
    expect((await stage.settled()).at(-1)!.payload.cells).toMatchObject([{ outcome: 'applied' }]);
  });

  it('a deleted event is not a cleared one', async () => {
    const stage = await settled();
    stage.save('1', { eligible: '1' }, 'screening_arm_1');
    await stage.poll();
    const told = (await stage.changed()).length;
    await stage.client().deleteEvents(['screening_arm_1'], { confirm: ['screening_arm_1'] });
    stage.save('1', { part_lang: '1' });
    stage.pass(15);
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      { kind: 'removed-event', event: 'screening_arm_1', stops: true, sentence: 'The event screening_arm_1 is gone.' },
    ]);
    const said = (await stage.changed()).slice(told);
    expect(said.map((one) => fieldsOf(one.payload.changed))).toEqual([['part_lang']]);
    expect(said[0]!.payload.rows.find((row) => row.event === 'screening_arm_1')?.values.eligible).toBe('1');
  });

  it('a renamed event is known by its number', async () => {
    const stage = await settled();
    const client = stage.client();
    const [screening] = await client.events();
    await client.importEvents([{ ...screening!, event_name: 'Look first' }]);
    const renamed = (await client.events()).find((one) => one.event_id === screening!.event_id)!;
    expect(renamed.unique_event_name).not.toBe(screening!.unique_event_name);
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      {
        kind: 'renamed-event',
        sentence: `The event screening_arm_1 was renamed to ${renamed.unique_event_name}; the study still calls it by its former name.`,
      },
    ]);
  });

  it('an instrument that began to repeat is stopped where it did', async () => {
    const stage = await settled();
    const client = stage.client();
    const repeats = await client.repeatingFormsEvents();
    await client.importRepeatingFormsEvents([...repeats, { event, form: 'baseline_exam', label: '' }]);
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([
      { kind: 'repeats-changed', event, instrument: 'baseline_exam' },
    ]);
  });

  it('an instrument that may repeat or not, as the project likes, is no change', async () => {
    const stage = await settled();
    const client = stage.client();
    const repeats = await client.repeatingFormsEvents();
    const others = repeats.filter((row) => row.form !== 'sms_survey_log');
    expect(others.length).toBeLessThan(repeats.length);
    await client.importRepeatingFormsEvents([...others, { event, form: 'baseline_exam', label: '' }]);
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([{ instrument: 'baseline_exam' }]);
    expect((await projectOf(stage)).changes).toHaveLength(1);
  });
});

describe('what a poll asks to notice it', () => {
  it('one look at the design while all is quiet, each part in its turn', async () => {
    const stage = await settled();
    const asked: Record<string, number> = {};
    for (let poll = 0; poll < 4; poll += 1) {
      const before = await byContent(stage);
      await stage.poll();
      const after = await byContent(stage);
      const made = Object.entries(after).flatMap(([content, n]) =>
        Array<string>(n - (before[content] ?? 0)).fill(content),
      );
      expect(made.length).toBeLessThanOrEqual(3);
      for (const content of made) asked[content] = (asked[content] ?? 0) + 1;
      stage.pass(15);
    }
    expect(asked).toEqual({ record: 4, log: 4, metadata: 2, formEventMapping: 1, repeatingFormsEvents: 1 });
  });

  it('without the log, dictionary and event map every time, which is three calls too', async () => {
    const stage = await setStage();
    stage.setRights({ logging: 0 });
    stage.save('1', family);
    await stage.poll();
    stage.pass(24 * 60 + 1);
    await stage.poll();
    stage.pass(15);
    const before = (await stage.status()).calls.redcapExports;
    await stage.poll();
    expect((await stage.status()).calls.redcapExports - before).toBe(3);
    stage.pass(15);
    await changeFields(stage, { site_id: { field_name: 'clinic_id' } });
    await stage.poll();
    expect((await projectOf(stage)).changes).toMatchObject([{ kind: 'renamed-field' }]);
  });
});

async function byContent(stage: Stage): Promise<Record<string, number>> {
  const [project] = await stage.ops<{ byContent: { content: string; calls: number }[] }[]>('calls.list');
  return Object.fromEntries(project!.byContent.map((row) => [row.content, row.calls]));
}

/** What a record's own history tells beside its cells. */
describe('deletions that the log tells', () => {
  const delivered = async (stage: Stage, client: RedcapClient, what: Parameters<RedcapClient['deleteRecords']>[0]) => {
    await client.deleteRecords(what, { confirm: what.records });
    stage.pass(15);
    await stage.poll();
    return (await stage.changed()).at(-1)!.payload;
  };

  it('one event of a record: its cells are cleared, the participant stays the same', async () => {
    const stage = await settled();
    stage.save('1', { eligible: '1' }, 'screening_arm_1');
    await stage.poll();
    const { id } = await stage.participant('1');
    const said = await delivered(stage, stage.client(), { records: ['1'], event: 'screening_arm_1' });
    expect(said).toMatchObject({ participantId: id, presence: 'present', incarnation: 1 });
    expect(said.changed.find((row) => row.event === 'screening_arm_1')?.fields).toContain('eligible');
    expect(said.rows.some((row) => row.event === 'screening_arm_1')).toBe(false);
    expect(said.rows.some((row) => row.event === 'baseline_arm_1')).toBe(true);
  });

  it('one instrument of an event', async () => {
    const stage = await settled();
    stage.save('1', { bs_topic_choice: '2' });
    await stage.poll();
    const what = { records: ['1'], event: 'baseline_arm_1', instrument: 'baseline_survey' };
    const said = await delivered(stage, stage.client(), what);
    expect(fieldsOf(said.changed)).toContain('bs_topic_choice');
    expect(said.rows.some((row) => row.instrument === 'participant_info')).toBe(true);
  });
});
