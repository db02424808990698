import type { CallReport, FlatRow, RedcapClient } from '../src';
import { fixture, openServer, superToken, tokens } from './real-server';

/** Against a server that answers as REDCap does, over real HTTP: each method, and what it must refuse. */
describe('every method', () => {
  let server: Awaited<ReturnType<typeof openServer>>;
  let clinic: RedcapClient;
  let visits: RedcapClient;
  let unknown: string[];
  let reports: CallReport[];
  beforeEach(async () => {
    server = await openServer();
    unknown = [];
    reports = [];
    const watch = {
      onUnknownNames: (content: string, names: readonly string[]) =>
        void unknown.push(...names.map((name) => `${content}.${name}`)),
      afterCall: (report: CallReport) => void reports.push(report),
    };
    clinic = server.client(tokens.clinic, watch);
    visits = server.client(tokens.longitudinal, watch);
  });
  afterEach(async () => {
    // The client knows every name that the server tells.
    expect(unknown).toEqual([]);
    await server.close();
  });

  it('records: flat and by value, codes and labels, as text in every format', async () => {
    const [ana] = await clinic.exportRecords({ records: ['1'], fields: ['clinic_id', 'first_name', 'sex'] });
    expect(ana).toMatchObject({ clinic_id: '1', first_name: 'Ana', sex: expect.stringMatching(/^\d$/) as string });
    const [labelled] = await clinic.exportRecords({ records: ['1'], fields: ['sex'], rawOrLabel: 'label' });
    expect(labelled!.sex).toMatch(/^[A-Z]/);
    const grouped = await clinic.readRecords({ fields: ['clinic_id'], exportDataAccessGroups: true });
    expect(grouped.find((row) => row.clinic_id === '1')).toMatchObject({ redcap_data_access_group: 'harbour_clinic' });
    const values = await clinic.exportValues({ records: ['1'], fields: ['first_name'] });
    expect(values).toEqual([expect.objectContaining({ record: '1', field_name: 'first_name', value: 'Ana' })]);
    const query = { records: ['1'], fields: ['clinic_id'] };
    expect(await clinic.exportText(query, { format: 'csv', csvDelimiter: ';' })).toMatch(/^clinic_id;redcap_repeat_/);
    expect(await clinic.exportText(query, { format: 'xml', type: 'eav' })).toMatch(/<records>.*clinic_id/s);
    expect(await clinic.exportText(query, { format: 'odm' })).toMatch(/<ODM .*<\/ODM>/s);
    expect(await clinic.exportRecords({ fields: ['clinic_id'], filterLogic: "[first_name] = 'Ana'" })).toHaveLength(1);
  });

  it('records: imported as rows, as values, as new ones, in the background', async () => {
    const rows = [{ clinic_id: '1', first_name: 'Anna' }];
    expect(await clinic.importRecords(rows, 'clinic_id', { overwriteBehavior: 'normal' })).toEqual(['1']);
    const value = { record: '2', field_name: 'first_name', value: 'Ben' };
    expect(await clinic.importValues([value], { overwriteBehavior: 'normal' })).toEqual(['2']);
    const made = await clinic.importNewRecords(
      [
        { clinic_id: 'a', first_name: 'Bo' },
        { clinic_id: 'b,c', first_name: 'Cy' },
      ],
      'clinic_id',
      { overwriteBehavior: 'normal' },
    );
    expect(made.map((one) => one.sent)).toEqual(['a', 'b,c']);
    const [bo] = await clinic.exportRecords({ records: [made[0]!.id], fields: ['first_name'] });
    expect(bo).toEqual({ first_name: 'Bo' });
    await clinic.importInBackground([{ clinic_id: '1', first_name: 'Ann' }], { overwriteBehavior: 'normal' });
    expect(await clinic.exportRecords({ records: ['1'], fields: ['first_name'] })).toContainEqual({
      first_name: 'Ann',
    });
    expect(reports.filter((one) => one.action === 'import').map((one) => one.logLines)).toEqual([1, 1, 2, 1]);
  });

  it('records: a refusal names every cell, without its value', async () => {
    const rows: FlatRow[] = [
      { clinic_id: '1', v_number_1dp: '22', sex: '77' },
      { clinic_id: '2', v_email: 'nobody' },
    ];
    const refused = clinic.importRecords(rows, 'clinic_id', { overwriteBehavior: 'normal' });
    await expect(refused).rejects.toMatchObject({
      code: 'REDCAP_REFUSED',
      errorClass: 'participant',
      cells: expect.arrayContaining([
        expect.objectContaining({ record: '1', field: 'v_number_1dp' }),
        expect.objectContaining({ record: '1', field: 'sex' }),
        expect.objectContaining({
          record: '2',
          field: 'v_email',
          message: 'This field must be a valid email address (like joe@user.com). Please re-enter it now.',
        }),
      ]) as unknown,
    });
    await refused.catch((error: unknown) => expect(JSON.stringify(error)).not.toMatch(/nobody|"77"|"22"/));
    expect(reports.at(-1)).toMatchObject({ status: 400, logLines: 0 });
  });

  it('records: deleted and renamed only when their ids are said twice', async () => {
    const asked = () => reports.length;
    const before = asked();
    await expect(clinic.deleteRecords({ records: ['1', '2'] }, { confirm: ['1'] })).rejects.toMatchObject({
      code: 'REDCAP_INTENT',
    });
    await expect(clinic.deleteRecords({ records: [] }, { confirm: [] })).rejects.toMatchObject({
      code: 'REDCAP_INTENT',
    });
    await expect(clinic.renameRecord({ record: '1', to: '77' }, { confirm: ['77'] })).rejects.toMatchObject({
      code: 'REDCAP_INTENT',
    });
    expect(asked()).toBe(before);

    await expect(clinic.deleteRecords({ records: ['1', '999'] }, { confirm: ['999', '1'] })).rejects.toMatchObject({
      code: 'REDCAP_NO_RECORD',
      errorClass: 'participant',
      records: ['999'],
    });
    expect(await clinic.deleteRecords({ records: ['1', '1'] }, { confirm: ['1'] })).toBe(1);
    await clinic.renameRecord({ record: '2', to: '77' }, { confirm: ['2'] });
    const left = await clinic.exportRecords({ fields: ['clinic_id'] });
    expect(new Set(left.map((row) => row.clinic_id))).toEqual(new Set(['10', '77']));
    await expect(clinic.renameRecord({ record: '2', to: '78' }, { confirm: ['2'] })).rejects.toMatchObject({
      code: 'REDCAP_NO_RECORD',
    });
    expect(await clinic.nextRecordName()).toBe('78');
  });

  it('records: one event of one record deleted leaves the others', async () => {
    const rows = await visits.exportRecords({});
    const { record_id: record } = rows[0]!;
    const events = [...new Set(rows.filter((row) => row.record_id === record).map((row) => row.redcap_event_name!))];
    expect(events.length).toBeGreaterThan(1);
    const event = events.at(-1)!;
    expect(await visits.deleteRecords({ records: [record!], event }, { confirm: [record!] })).toBe(1);
    const left = await visits.exportRecords({ records: [record!] });
    expect(new Set(left.map((row) => row.redcap_event_name))).toEqual(new Set(events.slice(0, -1)));
  });

  it('records: randomised once, and a second time never', async () => {
    const made = server.world.onRedcap({ do: 'set-randomization', project: tokens.clinic, targetField: 'language' });
    const randomizationId = Number(made.randomizationId);
    await clinic.importRecords([{ clinic_id: '50', first_name: 'Dee' }], 'clinic_id', { overwriteBehavior: 'normal' });
    const done = await clinic.randomizeRecord({ record: '50', randomizationId, returnAlt: true });
    expect(done).toEqual({
      randomization_id: randomizationId,
      record: '50',
      target_field: expect.stringMatching(/^e[ns]$/) as string,
      target_field_alt: expect.any(String) as string,
    });
    await expect(clinic.randomizeRecord({ record: '50', randomizationId })).rejects.toMatchObject({
      code: 'REDCAP_BAD_REQUEST',
    });
  });

  it('structure: dictionary, columns, instruments', async () => {
    const dictionary = await clinic.metadata();
    expect(dictionary[0]).toMatchObject({ field_name: 'clinic_id', form_name: 'registration', field_type: 'text' });
    expect(await clinic.metadata({ fields: ['sex'] })).toHaveLength(1);
    await expect(clinic.metadata({ fields: ['nope'] })).rejects.toMatchObject({
      code: 'REDCAP_UNKNOWN_FIELDS',
      fields: ['nope'],
    });
    expect(await clinic.importMetadata(dictionary.slice(0, -1))).toBe(dictionary.length - 1);
    expect(await clinic.importMetadata(dictionary)).toBe(dictionary.length);
    // Choices come back with blanks around the bar (redcap-api.md §2.7).
    const squeezed = JSON.stringify(await clinic.metadata()).replaceAll(' | ', '|');
    expect(squeezed).toBe(JSON.stringify(dictionary).replaceAll(' | ', '|'));
    const columns = await clinic.exportFieldNames('symptoms');
    expect(columns.length).toBeGreaterThan(1);
    expect(columns[0]).toMatchObject({ original_field_name: 'symptoms', choice_value: expect.any(String) as string });
    expect((await clinic.instruments()).map((row) => row.instrument_name)).toEqual([
      'registration',
      'measurements',
      'diary',
    ]);
  });

  it('structure: arms, events, mappings and repeats, there and back', async () => {
    expect([await clinic.arms(), await clinic.events(), await clinic.formEventMapping()]).toEqual([[], [], []]);
    expect(await clinic.repeatingFormsEvents()).toEqual([{ event: '', form: 'diary', label: '[remarks]' }]);
    const arms = await visits.arms();
    const events = await visits.events();
    const mapping = await visits.formEventMapping();
    const repeats = await visits.repeatingFormsEvents();
    expect(repeats.some((row) => row.form === '')).toBe(true);
    expect(await visits.arms([2])).toEqual(arms.filter((arm) => arm.arm_num === 2));
    expect(await visits.importArms([{ arm_num: 7, name: 'Extra' }])).toBe(1);
    expect(await visits.importEvents([{ event_name: 'Once more', arm_num: 7 }])).toBe(1);
    const added = (await visits.events([7]))[0]!;
    expect(added.unique_event_name).toBe('once_more_arm_7');
    expect(await visits.importFormEventMapping(mapping.slice(0, 1))).toBe(1);
    expect(await visits.importFormEventMapping(mapping)).toBe(mapping.length);
    expect(await visits.importRepeatingFormsEvents([])).toBe(0);
    expect(await visits.importRepeatingFormsEvents(repeats)).toBe(repeats.length);
    expect(await visits.repeatingFormsEvents()).toEqual(repeats);
    await expect(visits.deleteEvents(['once_more_arm_7'], { confirm: [] })).rejects.toMatchObject({
      code: 'REDCAP_INTENT',
    });
    expect(await visits.deleteEvents(['once_more_arm_7'], { confirm: ['once_more_arm_7'] })).toBe(1);
    expect(await visits.deleteArms([7], { confirm: ['7'] })).toBe(1);
    expect(await visits.events()).toEqual(events);
  });

  it('people: users, roles and groups, there and back', async () => {
    const [own] = await clinic.users();
    expect(own!.rights).toMatchObject({ api_export: 1, api_import: 1, record_delete: 1 });
    expect(Object.keys(own!.forms)).toEqual(['registration', 'measurements', 'diary']);
    expect(await clinic.importUsers([{ username: 'jo', rights: { api_export: 1 } }])).toBe(1);
    expect((await clinic.users()).find((user) => user.username === 'jo')).toMatchObject({
      rights: expect.objectContaining({ api_export: 1, api_import: 0 }) as unknown,
    });
    const roles = await clinic.userRoles();
    expect(roles.map((role) => role.role_label)).toEqual(['Data entry', 'Analyst']);
    expect(await clinic.importUserRoles([{ role_label: 'Reader', rights: { reports: 1 } }])).toBe(1);
    const reader = (await clinic.userRoles()).at(-1)!;
    expect(reader.rights).toMatchObject({ reports: 1, design: 0 });
    const mapped = { username: 'jo', unique_role_name: reader.unique_role_name };
    expect(await clinic.importUserRoleMapping([mapped])).toBe(1);
    expect(await clinic.userRoleMapping()).toContainEqual(expect.objectContaining(mapped));
    expect(await clinic.importUserRoleMapping([{ ...mapped, unique_role_name: '' }])).toBe(1);
    expect(await clinic.deleteUserRoles([reader.unique_role_name])).toBe(1);

    expect(await clinic.importDags([{ data_access_group_name: 'Lake Clinic', unique_group_name: '' }])).toBe(1);
    expect((await clinic.dags()).map((dag) => dag.unique_group_name)).toContain('lake_clinic');
    expect(await clinic.importUserDagMapping([{ username: 'jo', redcap_data_access_group: 'lake_clinic' }])).toBe(1);
    expect(await clinic.userDagMapping()).toContainEqual({ username: 'jo', redcap_data_access_group: 'lake_clinic' });
    expect(await clinic.deleteUsers(['jo'])).toBe(1);
    expect(await clinic.deleteDags(['lake_clinic', 'nowhere'])).toBe(1);
    await clinic.switchDag('hill_clinic');
    await expect(clinic.dags()).rejects.toMatchObject({
      code: 'REDCAP_ACCESS_DENIED',
      message: expect.stringContaining('Data Access Groups') as string,
    });
    await clinic.switchDag('');
    expect(await clinic.dags()).toHaveLength(2);
  });

  it('the project: what it is, its settings, its XML, a copy of it', async () => {
    expect(await clinic.project()).toMatchObject({
      project_title: 'Clinic register',
      is_longitudinal: false,
      surveys_enabled: true,
      missing_data_codes: expect.stringContaining('NI') as string,
    });
    expect(await clinic.importProjectSettings({ project_notes: 'Ours', display_today_now_button: false })).toBe(2);
    expect(await clinic.project()).toMatchObject({ project_notes: 'Ours', display_today_now_button: false });
    expect(await clinic.version()).toMatch(/^\d+\.\d+\.\d+$/);
    const xml = await clinic.projectXml({ returnMetadataOnly: true });
    expect(xml).not.toContain('<ClinicalData');
    const maker = server.client(superToken);
    const token = await maker.createProject({ project_title: 'Copy', purpose: 0 }, fixture('clinic'));
    const copy = server.client(token);
    expect((await copy.project()).project_title).toBe('Copy');
    expect(await copy.metadata()).toEqual(await clinic.metadata());
    await expect(maker.createProject({ project_title: 'X', purpose: 1 })).rejects.toMatchObject({
      code: 'REDCAP_BAD_REQUEST',
    });
    await expect(clinic.createProject({ project_title: 'X', purpose: 0 })).rejects.toBeDefined();
  });

  it('the log and reports', async () => {
    const lines = await clinic.log({ logtype: 'manage' });
    expect(lines.at(-1)!.details).toMatch(/^Create project/);
    expect(await clinic.log({ user: 'nobody' })).toEqual([]);
    const xml = await clinic.report({ reportId: 60 });
    expect(Object.keys(xml[0]!)).toEqual(expect.arrayContaining(['clinic_id', 'address', 'first_name']));
    await expect(clinic.report({ reportId: 1 })).rejects.toMatchObject({ code: 'REDCAP_BAD_REQUEST' });
  });

  it('files: byte for byte, with their names, in fields and in the repository', async () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 37) % 256));
    const place = { record: '2', field: 'portrait' };
    await clinic.importFile(place, { name: 'Zoë 1.jpg', type: 'image/jpeg', bytes });
    const got = await clinic.exportFile(place);
    expect([got.name, got.type, got.bytes.equals(bytes)]).toEqual(['Zoë 1.jpg', 'image/jpeg', true]);
    await clinic.deleteFile(place);
    await expect(clinic.deleteFile(place)).rejects.toMatchObject({ code: 'REDCAP_BAD_REQUEST' });
    await expect(clinic.exportFile(place)).rejects.toMatchObject({ code: 'REDCAP_BAD_REQUEST' });

    const folder = await clinic.createFolder({ name: 'Letters' });
    const page = { name: 'page.html', type: 'text/html', bytes: Buffer.from('<html><body>a letter</body></html>') };
    await clinic.importRepositoryFile(page, folder);
    expect(await clinic.listFiles()).toContainEqual({ folder_id: folder, doc_id: null, name: 'Letters' });
    const [stored] = await clinic.listFiles(folder);
    expect((await clinic.exportRepositoryFile(stored!.doc_id!)).bytes.equals(page.bytes)).toBe(true);
    await clinic.deleteRepositoryFile(stored!.doc_id!);
    expect(await clinic.listFiles(folder)).toEqual([]);
    await expect(clinic.listFiles(99)).rejects.toMatchObject({ code: 'REDCAP_BAD_REQUEST' });

    const blank = await clinic.pdf();
    expect(blank).toMatchObject({ name: 'instruments.pdf', type: 'application/pdf' });
    expect((await clinic.pdf({ compactDisplay: true })).bytes.length).toBeLessThan(blank.bytes.length);
    await expect(clinic.pdf({ instrument: 'nope' })).rejects.toMatchObject({ code: 'REDCAP_BAD_REQUEST' });
  });

  it('surveys: links, codes, participants', async () => {
    const place = { record: '1', event: '', instrument: 'registration', instance: 0 };
    expect(await clinic.surveyLink(place)).toMatch(/\/surveys\/\?s=[A-Z0-9]{16}$/);
    expect(await clinic.surveyQueueLink('1')).toMatch(/\/surveys\/\?sq=/);
    expect(await clinic.surveyAccessCode(place)).toMatch(/^[A-Z0-9]{9}$/);
    expect(await clinic.surveyReturnCode(place)).toMatch(/^[A-Z0-9]{8}$/);
    const list = await clinic.participantList({ instrument: 'registration' });
    expect(list.find((row) => row.record === '1')).toMatchObject({ email: 'ana@example.org', response_status: 2 });
    await expect(clinic.surveyLink({ ...place, record: '-1' })).rejects.toMatchObject({ code: 'REDCAP_NO_RECORD' });
    await expect(clinic.surveyLink({ ...place, instrument: 'measurements' })).rejects.toMatchObject({
      code: 'REDCAP_BAD_REQUEST',
    });
  });

  it('names the right that a token lacks, and never the token', async () => {
    const refused = async (rights: Record<string, number>, call: () => Promise<unknown>) => {
      server.world.onRedcap({ do: 'set-rights', token: tokens.clinic, rights });
      const error = await call().then(
        () => null,
        (thrown: unknown) => thrown as Error,
      );
      expect(`${error?.stack} ${JSON.stringify(error)}`).not.toContain(tokens.clinic);
      return error;
    };
    expect(
      await refused({ record_delete: 0 }, () => clinic.deleteRecords({ records: ['1'] }, { confirm: ['1'] })),
    ).toMatchObject({ code: 'REDCAP_ACCESS_DENIED', message: 'The token lacks the right Delete Record.' });
    expect(
      await refused({ api_import: 0 }, () =>
        clinic.importRecords([{ clinic_id: '1' }], 'clinic_id', { overwriteBehavior: 'normal' }),
      ),
    ).toMatchObject({ message: 'The token lacks the right API Import/Update.' });
    expect(await refused({ logging: 0 }, () => clinic.log({}))).toMatchObject({ errorClass: 'setting' });
  });
});
