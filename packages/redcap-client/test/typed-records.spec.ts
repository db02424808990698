import path from 'node:path';
import { expectTypeErrors } from '@studybridge/testing';
import { readTypedRecords } from '../src';
import { codebook } from './codebook';
import { csv, fakeServer } from './fake-server';

type Fake = Awaited<ReturnType<typeof fakeServer>>;
let fake: Fake | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const answering = (...lines: string[]) => fakeServer((_request, response) => csv(response, [...lines, ''].join('\n')));

describe('records typed by a codebook', () => {
  it('refuses at compile time what the codebook does not have', () => {
    expect(expectTypeErrors(path.join(__dirname, 'typed-records.types.ts'))).toHaveLength(7);
  });

  it('asks for the named fields, with the record id and checkboxes by their own name', async () => {
    fake = await answering(
      'record_id,redcap_event_name,part_lang,race___1,race___2',
      '1,baseline_arm_1,2,1,0',
      '2,baseline_arm_1,,,',
      '3,baseline_arm_1,NI,0,0',
    );
    const rows = await readTypedRecords(fake.client(), codebook, { fields: ['part_lang', 'race___2'] });
    expect(fake.asked[0]!.get('fields')).toBe('record_id,part_lang,race');
    expect(rows.map((row) => row.part_lang)).toEqual(['2', '', 'NI']);
  });

  it('lets no code through that the types do not have', async () => {
    fake = await answering('record_id,redcap_event_name,part_lang', '1,baseline_arm_1,2', '2,baseline_arm_1,7');
    const client = fake.client();
    const refused = readTypedRecords(client, codebook, { fields: ['part_lang'] });
    await expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_CODE', field: 'part_lang', record: '2' });
    await expect(refused).rejects.not.toThrow('7');
    const told: unknown[] = [];
    const rows = await readTypedRecords(client, codebook, {
      fields: ['part_lang'],
      onUnknownCode: (cell) => told.push(cell),
    });
    expect(rows.map((row) => row.record_id)).toEqual(['1']);
    expect(told).toEqual([{ record: '2', event: 'baseline_arm_1', field: 'part_lang' }]);
  });
});
