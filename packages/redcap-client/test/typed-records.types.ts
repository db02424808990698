import { readTypedRecords, type RecordOf, type RedcapClient } from '../src';
import { codebook } from './codebook';

/** Compiled by typed-records.spec.ts: every line below an expectation must be refused, and nothing else. */
export async function read(client: RedcapClient): Promise<void> {
  const [row] = await readTypedRecords(client, codebook, { fields: ['part_lang'], events: ['baseline_arm_1'] });
  const lang: '1' | '2' | 'NI' | '' = row!.part_lang;
  const event: 'baseline_arm_1' | 'later_arm_1' | undefined = row!.redcap_event_name;
  const id: string = row!.record_id;
  // @ts-expect-error TS2322 a code that the dictionary does not have
  const other: '1' | '3' | 'NI' | '' = row!.part_lang;
  // @ts-expect-error TS2367 a comparison that can never hold
  const never = row!.part_lang === '3';
  // @ts-expect-error TS2339 a field that was not asked for
  const name = row!.first_name;
  // @ts-expect-error TS2820 a misspelt field
  await readTypedRecords(client, codebook, { fields: ['part_lnag'] });
  // @ts-expect-error TS2322 an event that does not exist
  await readTypedRecords(client, codebook, { events: ['month_2_arm_1'] });

  const [whole] = await readTypedRecords(client, codebook);
  const box: '0' | '1' | 'NI' | '' = whole!.race___2;
  const text: string = whole!.first_name;
  // @ts-expect-error TS2339 a field that the dictionary does not have
  const gone = whole!.last_name;
  type Row = RecordOf<typeof codebook>;
  const status: Row['person_complete'] = '2';
  // @ts-expect-error TS2322 a status that REDCap does not have
  const wrong: Row['person_complete'] = '3';
  void [lang, event, id, other, never, name, box, text, gone, status, wrong];
}
