import { fixture, openLab, type Lab } from './server';

describe('structure through the API', () => {
  let lab: Lab;
  afterEach(() => lab.close());
  const count = async (params: Record<string, string>): Promise<string> => {
    const reply = await lab.call({ format: 'json', ...params });
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
    return reply.body;
  };

  describe('of a longitudinal project', () => {
    beforeEach(async () => {
      lab = await openLab(fixture('longitudinal.xml'));
    });

    it('adds an arm that is seen once it owns an event, renames it, and deletes it with its data', async () => {
      expect(await count({ content: 'arm', data: '[{"arm_num":3,"name":"Drug C"}]' })).toBe('1');
      expect(await lab.json({ content: 'arm' })).toHaveLength(2);
      expect(await count({ content: 'event', data: '[{"event_name":"XYZ","arm_num":"3"}]' })).toBe('1');
      expect((await lab.json({ content: 'arm' }))[2]).toEqual({ arm_num: 3, name: 'Drug C' });
      expect(await count({ content: 'arm', data: '[{"arm_num":3,"name":"Drug Gamma"}]' })).toBe('1');
      expect((await lab.json({ content: 'arm', 'arms[0]': '3' }))[0].name).toBe('Drug Gamma');
      const data = '[{"record_id":"900","redcap_event_name":"xyz_arm_3"}]';
      await count({ content: 'record', data });
      expect(await lab.json({ content: 'record', records: '900', fields: 'record_id' })).toHaveLength(1);
      expect(await count({ content: 'arm', action: 'delete', 'arms[0]': '3' })).toBe('1');
      expect(await lab.json({ content: 'arm' })).toHaveLength(2);
      expect(await lab.json({ content: 'record', records: '900' })).toEqual([]);
    });

    it('wipes arms, events and mappings with override, and takes them back from what was exported', async () => {
      const events = await lab.json({ content: 'event' });
      const arms = await lab.json({ content: 'arm' });
      const mapping = await lab.json({ content: 'formEventMapping' });
      expect(await count({ content: 'arm', override: '1', data: JSON.stringify(arms) })).toBe('2');
      expect((await lab.call({ content: 'event', format: 'json' })).status).toBe(400);
      expect(await lab.json({ content: 'record' })).toEqual([]);
      expect(await count({ content: 'event', data: JSON.stringify(events) })).toBe(String(events.length));
      expect(await count({ content: 'formEventMapping', data: JSON.stringify(mapping) })).toBe(String(mapping.length));
      const without = (list: any[]): any[] => list.map(({ event_id: _, ...rest }) => rest);
      expect(without(await lab.json({ content: 'event' }))).toEqual(without(events));
      expect(await lab.json({ content: 'arm' })).toEqual(arms);
      expect(await lab.json({ content: 'formEventMapping' })).toEqual(mapping);
    });

    it('names events, tells clashes apart, renames with the data, and deletes', async () => {
      const names = async (): Promise<string[]> =>
        (await lab.json({ content: 'event' })).map((event: any) => event.unique_event_name);
      await count({ content: 'event', data: '[{"event_name":"Deadline to opt out of study","arm_num":2}]' });
      await count({ content: 'event', data: '[{"event_name":"Deadline to opt out of study","arm_num":2}]' });
      expect((await names()).slice(-2)).toEqual(['deadline_to_opt_ou_arm_2', 'deadline_to_opt_ou_arm_2b']);
      const before = await lab.json({ content: 'record', events: 'intake_arm_1', fields: 'record_id' });
      const rename = '[{"event_name":"Enrolment","arm_num":1,"unique_event_name":"intake_arm_1"}]';
      expect(await count({ content: 'event', data: rename })).toBe('1');
      expect(await names()).toContain('enrolment_arm_1');
      expect(await lab.json({ content: 'record', events: 'enrolment_arm_1', fields: 'record_id' })).toEqual(
        before.map((row: any) => ({ ...row, redcap_event_name: 'enrolment_arm_1' })),
      );
      expect(await count({ content: 'event', action: 'delete', 'events[0]': 'deadline_to_opt_ou_arm_2b' })).toBe('1');
      expect(await names()).not.toContain('deadline_to_opt_ou_arm_2b');
      expect((await lab.call({ content: 'event', action: 'delete', 'events[0]': 'nope' })).status).toBe(400);
    });

    it('replaces the mapping whole, and shows what it hid when it comes back', async () => {
      const mapping = await lab.json({ content: 'formEventMapping' });
      const before = (await lab.call({ content: 'record', format: 'csv' })).body;
      const one = JSON.stringify([mapping[0]]);
      expect(await count({ content: 'formEventMapping', data: one })).toBe('1');
      expect(await lab.json({ content: 'formEventMapping' })).toEqual([mapping[0]]);
      expect((await lab.call({ content: 'record', format: 'csv' })).body).not.toBe(before);
      expect(await count({ content: 'formEventMapping', data: JSON.stringify(mapping) })).toBe(String(mapping.length));
      expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(before);
    });

    it.each(['json', 'csv', 'xml'])('takes back what repeats as it exported it, in %s', async (format) => {
      const before = (await lab.call({ content: 'record', format: 'csv' })).body;
      const data = (await lab.call({ content: 'repeatingFormsEvents', format })).body;
      expect((await lab.call({ content: 'repeatingFormsEvents', format, data })).body).toBe('2');
      expect((await lab.call({ content: 'repeatingFormsEvents', format })).body).toBe(data);
      expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(before);
      expect(await count({ content: 'repeatingFormsEvents', data: '[]' })).toBe('0');
      expect((await lab.call({ content: 'repeatingFormsEvents', format: 'json' })).status).toBe(400);
    });
  });

  describe('of a classic project', () => {
    beforeEach(async () => {
      lab = await openLab(fixture('classic.xml'));
    });

    it('replaces the dictionary: what is left out is gone, what stays keeps its values', async () => {
      const metadata = await lab.json({ content: 'metadata' });
      const fewer = metadata.filter((field: any) => field.field_name !== 'phone');
      expect(await count({ content: 'metadata', data: JSON.stringify(fewer) })).toBe(String(fewer.length));
      const [row] = await lab.json({ content: 'record', records: '2' });
      expect(row).not.toHaveProperty('phone');
      expect(row.weight).toBe('28.7');
      expect(await count({ content: 'metadata', data: JSON.stringify(metadata) })).toBe(String(metadata.length));
      expect((await lab.json({ content: 'record', records: '2' }))[0].phone).toBe('');
      const again = await lab.json({ content: 'metadata' });
      const spaced = (field: any): any => ({
        ...field,
        select_choices_or_calculations: field.select_choices_or_calculations.replace(/\s*\|\s*/g, ' | '),
      });
      expect(again.map(spaced)).toEqual(metadata.map(spaced));
    });

    it('takes the dictionary in csv and xml, adds instruments, and refuses it in production', async () => {
      for (const format of ['csv', 'xml']) {
        const data = (await lab.call({ content: 'metadata', format })).body;
        expect((await lab.call({ content: 'metadata', format, data })).body).toBe('20');
      }
      const metadata = await lab.json({ content: 'metadata' });
      const extra = { ...metadata[1], field_name: 'shoe_size', form_name: 'day_3', identifier: '' };
      await count({ content: 'metadata', data: JSON.stringify([...metadata, extra]) });
      expect((await lab.json({ content: 'instrument' }))[2]).toEqual({
        instrument_name: 'day_3',
        instrument_label: 'Day 3',
      });
      expect((await lab.json({ content: 'user' }))[0].forms).toEqual({ person: 1, habits: 1, day_3: 1 });
      await count({ content: 'record', data: '[{"study_id":"2","shoe_size":"39"}]' });
      lab.redcap.setProduction(lab.projectId, true);
      expect((await lab.call({ content: 'metadata', format: 'json', data: '[]' })).status).toBe(400);
    });

    it.each([
      ['a name twice', (m: any[]) => [...m, m[1]]],
      ['an unknown type', (m: any[]) => [m[0], { ...m[1], field_type: 'hologram' }]],
      ['choices without choices', (m: any[]) => [m[0], { ...m[1], field_type: 'radio' }]],
      ['a name that is none', (m: any[]) => [m[0], { ...m[1], field_name: '1st' }]],
    ])('refuses a dictionary with %s and leaves the old one', async (_what, change) => {
      const metadata = await lab.json({ content: 'metadata' });
      const reply = await lab.call({ content: 'metadata', format: 'json', data: JSON.stringify(change(metadata)) });
      expect(reply.status).toBe(400);
      expect(reply.body).toMatch(/^\{"error":"Field \d+ of the data dictionary/);
      expect(await lab.json({ content: 'metadata' })).toEqual(metadata);
    });

    it('makes an instrument repeat, and what was there its first instance', async () => {
      const before = await lab.json({ content: 'record', records: '2' });
      await count({ content: 'repeatingFormsEvents', data: '[{"form_name":"habits","custom_form_label":"[often]"}]' });
      const rows = await lab.json({ content: 'record', records: '2' });
      expect(rows.map((row: any) => [row.redcap_repeat_instrument, row.redcap_repeat_instance, row.brushes])).toEqual([
        ['', '', ''],
        ['habits', 1, '1'],
      ]);
      await count({ content: 'repeatingFormsEvents', data: '[]' });
      expect(await lab.json({ content: 'record', records: '2' })).toEqual(before);
    });

    it('changes settings and answers how many it took', async () => {
      expect(await count({ content: 'project_settings', data: '{"project_irb_number":"IRB-123"}' })).toBe('1');
      expect((await lab.json({ content: 'project' })).project_irb_number).toBe('IRB-123');
      const csv =
        'project_title,project_language,purpose,purpose_other,project_notes,custom_record_label,secondary_unique_field,is_longitudinal,surveys_enabled,scheduling_enabled,record_autonumbering_enabled,randomization_enabled,project_irb_number,project_grant_number,project_pi_firstname,project_pi_lastname,display_today_now_button,bypass_branching_erase_field_prompt\n' +
        'ABCDEFG,English,Testing,Other,NONE,Q,R,true,1,true,true,true,123456,123456,First,Last,1,1\n';
      expect((await lab.call({ content: 'project_settings', format: 'csv', data: csv })).body).toBe('18');
      const xml =
        '<?xml version="1.0" encoding="UTF-8" ?><items><project_title>From &amp; by XML</project_title></items>';
      expect((await lab.call({ content: 'project_settings', format: 'xml', data: xml })).body).toBe('1');
      const info = await lab.json({ content: 'project' });
      expect(info).toMatchObject({ custom_record_label: 'Q', project_title: 'From & by XML', purpose: 2 });
      // Longitudinal now, but with one event still classic to everyone.
      expect(info.is_longitudinal).toBe(0);
      await count({ content: 'event', data: '[{"event_name":"Event 2","arm_num":1}]' });
      expect((await lab.json({ content: 'project' })).is_longitudinal).toBe(1);
      expect((await lab.json({ content: 'record', records: '2' }))[0].redcap_event_name).toBe('event_1_arm_1');
    });

    it('refuses a mapping of events', async () => {
      const reply = await lab.call({ content: 'formEventMapping', format: 'json', data: '[]' });
      expect(reply.status).toBe(400);
      expect(reply.body).toContain('for classic projects');
    });

    it('takes arms and events that are not seen before the project is longitudinal, and again when it is not', async () => {
      const record = (await lab.call({ content: 'record', format: 'csv' })).body;
      expect(await count({ content: 'arm', data: '[{"arm_num":1,"name":"One"},{"arm_num":2,"name":"Two"}]' })).toBe(
        '2',
      );
      const events = '[{"event_name":"Later","arm_num":1},{"event_name":"Else","arm_num":2}]';
      expect(await count({ content: 'event', data: events })).toBe('2');
      for (const content of ['arm', 'event']) expect((await lab.call({ content, format: 'json' })).status).toBe(400);
      expect((await lab.json({ content: 'project' })).is_longitudinal).toBe(0);
      expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(record);

      expect(await count({ content: 'project_settings', data: '{"is_longitudinal":1}' })).toBe('1');
      expect((await lab.json({ content: 'event' })).map((event: any) => event.unique_event_name)).toEqual([
        'event_1_arm_1',
        'later_arm_1',
        'else_arm_2',
      ]);
      const person = { arm_num: 1, form: 'person' };
      const mapping = [
        { ...person, unique_event_name: 'event_1_arm_1' },
        { ...person, form: 'habits', unique_event_name: 'event_1_arm_1' },
        { ...person, unique_event_name: 'later_arm_1' },
      ];
      await count({ content: 'formEventMapping', data: JSON.stringify(mapping) });
      const later = '[{"study_id":"2","redcap_event_name":"later_arm_1","age":"12"}]';
      expect(await count({ content: 'record', data: later })).toBe('{"count":1}');

      await count({ content: 'project_settings', data: '{"is_longitudinal":0}' });
      expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(record);
      expect((await lab.call({ content: 'project_xml' })).body).not.toContain('later_arm_1');
      await count({ content: 'project_settings', data: '{"is_longitudinal":1}' });
      const rows = await lab.json({ content: 'record', records: '2', events: 'later_arm_1', fields: 'age' });
      expect(rows).toEqual([{ age: '12' }]);
    });

    it('holds its data when it is left without any event, and gives them to the first one that comes', async () => {
      const record = (await lab.call({ content: 'record', format: 'csv' })).body;
      expect(await count({ content: 'event', action: 'delete', 'events[0]': 'event_1_arm_1' })).toBe('1');
      expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(record);
      expect(await count({ content: 'record', data: '[{"study_id":"70","age":"7"}]' })).toBe('{"count":1}');
      await count({ content: 'event', data: '[{"event_name":"Start","arm_num":1}]' });
      expect(await lab.json({ content: 'record', records: '70', fields: 'age' })).toEqual([{ age: '7' }]);
    });

    it('asks for the right to design', async () => {
      lab.redcap.setRights(lab.token, { design: 0 });
      const data = JSON.stringify(await lab.json({ content: 'metadata' }));
      expect((await lab.call({ content: 'metadata', format: 'json', data })).status).toBe(403);
      lab.redcap.setRights(lab.token, { design: 1, api_import: 0 });
      expect((await lab.call({ content: 'metadata', format: 'json', data })).body).toBe(
        '{"error":"You do not have API Import/Update privileges"}',
      );
    });
  });
});
