import { XMLParser } from 'fast-xml-parser';
import { buildProjectXml } from '../src/project-xml';
import { projectFiles } from '../src/ismile/project-data';
import { readRecords } from '../src/ismile/oracle/read-records';

const odd = `Zoë "Mimi" O'Brien & Söhne <b>🌻`;
const xml = buildProjectXml({
  title: 'Odd & Sons',
  files: projectFiles,
  createdAt: '2018-08-26T23:30:00',
  records: [
    {
      record: '7',
      rows: [
        {
          event: 'screening_arm_1',
          instrument: 'eligibility',
          instance: 0,
          values: { eligible: '1', screen_date: '' },
        },
        {
          event: 'baseline_arm_1',
          instrument: 'agile_link',
          instance: 0,
          values: { ag_status_label: odd, ag_last_timestamp: '2018-08-01 10:00:00' },
        },
        { event: '2_month_arm_2', instrument: 'sms_survey_log', instance: 2, values: { txt_twilio_status: 'queued' } },
      ],
    },
  ],
  surveys: { survey_2m: '2 Month Survey' },
});

interface Tag {
  [name: string]: string | Tag | Tag[];
}
const parsed = new XMLParser({ ignoreAttributes: false, parseAttributeValue: false, htmlEntities: true }).parse(
  xml,
) as {
  ODM: { Study: { GlobalVariables: Tag; MetaDataVersion: Record<string, Tag[]> }; ClinicalData: Tag };
};
const metadata = parsed.ODM.Study.MetaDataVersion;
const find = (list: string, oid: string): Tag => metadata[list]!.find((tag) => tag['@_OID'] === oid)!;

describe('a project XML', () => {
  it('defines every event with its arm, and every instrument where it lives', () => {
    expect(metadata.StudyEventDef).toHaveLength(projectFiles.events.length);
    const event = find('StudyEventDef', 'Event.2_month_arm_3');
    expect(event).toMatchObject({
      '@_Name': '2 Month (Arm 3: CWT)',
      '@_redcap:UniqueEventName': '2_month_arm_3',
      '@_redcap:ArmNum': '3',
      '@_redcap:ArmName': 'CWT',
    });
    expect((event.FormRef as Tag[]).map((ref) => ref['@_redcap:FormName'])).toEqual([
      'visit_tracking',
      'survey_2m',
      'sms_survey_log',
    ]);
  });

  it('defines every field once, with REDCap’s own words for type and validation, and every form’s status', () => {
    const oids = metadata.ItemDef!.map((item) => item['@_OID']);
    expect(new Set(oids).size).toBe(oids.length);
    expect(oids).toHaveLength(projectFiles.dictionary.length + projectFiles.instruments.length);
    expect(find('ItemDef', 'site_id')).toMatchObject({ '@_redcap:FieldType': 'select', '@_redcap:RequiredField': 'y' });
    expect(find('ItemDef', 'be_num_teeth')).toMatchObject({ '@_redcap:TextValidationType': 'int' });
    expect(find('ItemDef', 'part_mobile_number')).toMatchObject({
      '@_redcap:Identifier': 'y',
      '@_redcap:TextValidationType': 'phone',
    });
    expect(find('ItemDef', 'ag_status')).toMatchObject({ '@_redcap:FieldAnnotation': '@READONLY' });
    expect(find('ItemDef', 'txt_message')).toMatchObject({ '@_redcap:FieldType': 'textarea' });
    expect(find('ItemDef', 'eligibility_complete')).toMatchObject({ '@_redcap:FieldType': 'select' });
  });

  it('splits an instrument at its section headers', () => {
    const refs = find('FormDef', 'Form.participant_info').ItemGroupRef as Tag[];
    expect(refs.map((ref) => ref['@_ItemGroupOID'])).toEqual([
      'participant_info.part_first_name',
      'participant_info.child_first_name',
      'participant_info.site_id',
      'participant_info.part_withdrawn',
      'participant_info.participant_info_complete',
    ]);
  });

  it('lists the choices of a field', () => {
    const items = find('CodeList', 'rand_arm.choices').CodeListItem as Tag[];
    expect(items.map((item) => item['@_CodedValue'])).toEqual(['2', '3']);
  });

  it('says what repeats and what is a survey', () => {
    expect(xml).toContain('redcap:UniqueEventName="4_month_arm_3" redcap:RepeatInstrument="sms_survey_log"');
    expect(xml).toContain('<redcap:Surveys form_name="survey_2m" title="2 Month Survey" survey_enabled="1"/>');
  });

  it('keeps odd characters, leaves blanks out, and writes datetimes with a T', () => {
    expect(readRecords(xml)).toEqual(
      new Map([
        [
          '7',
          {
            eligible: '1',
            ag_status_label: odd,
            ag_last_timestamp: '2018-08-01T10:00:00',
            txt_twilio_status: 'queued',
          },
        ],
      ]),
    );
    expect(xml).toContain('FormOID="Form.sms_survey_log" FormRepeatKey="2"');
    expect(xml).toContain('<StudyName>Odd &amp; Sons</StudyName>');
  });

  it('may hold no record at all', () => {
    const empty = buildProjectXml({
      title: 'Empty',
      files: projectFiles,
      createdAt: '2018-08-26T23:30:00',
      records: [],
    });
    expect(readRecords(empty).size).toBe(0);
  });
});
