import { RedcapImportRefusedError, RedcapRefusedError, type FlatRow } from '@studybridge/redcap-client';
import { LeaseLostError } from '@studybridge/service-kit';
import { LiveDesign } from '../projects/live-design';
import type { RedcapProject } from '../projects/redcap-project';
import { importCells, type OutgoingCell } from './import-cells';

const design = new LiveDesign([], [], [], [{ event: 'later_arm_2', form: 'log' }]);
const cell = (record: string, field: string, value: string, more: Partial<OutgoingCell> = {}): OutgoingCell => ({
  record,
  event: 'baseline_arm_1',
  instrument: 'link',
  instance: 0,
  field,
  value,
  ...more,
});

const goAhead = (): void => undefined;

function project(importRecords: (rows: FlatRow[]) => void): RedcapProject {
  return {
    definition: { recordIdField: 'record_id', timestampFields: new Set(['ag_ts']) },
    client: {
      importRecords: (rows: FlatRow[], _field: string, _options: object, control: { beforeSending(): void }) =>
        new Promise<void>((resolve) => {
          control.beforeSending();
          importRecords(rows);
          resolve();
        }),
    },
  } as unknown as RedcapProject;
}

describe('importing cells', () => {
  it('sends rows of equal columns together, blanks and repeat instances included', async () => {
    const calls: FlatRow[][] = [];
    await importCells(
      project((rows) => calls.push(rows)),
      design,
      [
        cell('1', 'ag_status', '10'),
        cell('1', 'ag_ts', 'T'),
        cell('2', 'ag_ts', 'T'),
        cell('2', 'ag_status', ''),
        cell('3', 'ag_status', '30'),
        cell('3', 'txt', 'x', { event: 'later_arm_2', instrument: 'log', instance: 2 }),
      ],
      goAhead,
    );
    expect(calls).toEqual([
      [
        { record_id: '1', redcap_event_name: 'baseline_arm_1', ag_status: '10', ag_ts: 'T' },
        { record_id: '2', redcap_event_name: 'baseline_arm_1', ag_status: '', ag_ts: 'T' },
      ],
      [{ record_id: '3', redcap_event_name: 'baseline_arm_1', ag_status: '30' }],
      [
        {
          record_id: '3',
          redcap_event_name: 'later_arm_2',
          redcap_repeat_instrument: 'log',
          redcap_repeat_instance: '2',
          txt: 'x',
        },
      ],
    ]);
  });

  it('takes out the cells that REDCap names, and the timestamps that would be left alone', async () => {
    const calls: FlatRow[][] = [];
    const { refused } = await importCells(
      project((rows) => {
        calls.push(rows);
        if (rows.some((row) => row.ag_status === 'bad')) {
          throw new RedcapImportRefusedError([{ record: '2', field: 'ag_status', message: 'No such code.' }]);
        }
      }),
      design,
      [cell('1', 'ag_status', '10'), cell('1', 'ag_ts', 'T'), cell('2', 'ag_status', 'bad'), cell('2', 'ag_ts', 'T')],
      goAhead,
    );
    expect(refused).toMatchObject([{ cell: { record: '2', field: 'ag_status' }, message: 'No such code.' }]);
    expect(calls.at(-1)).toEqual([
      { record_id: '1', redcap_event_name: 'baseline_arm_1', ag_status: '10', ag_ts: 'T' },
    ]);
  });

  it('bisects a refusal that names no cell', async () => {
    const sent = new Set<string>();
    const { refused } = await importCells(
      project((rows) => {
        if (rows.some((row) => row.record_id === '5')) throw new RedcapRefusedError('REDCap refused the call.');
        for (const row of rows) sent.add(row.record_id!);
      }),
      design,
      ['1', '2', '3', '4', '5', '6', '7'].map((record) => cell(record, 'ag_status', '10')),
      goAhead,
    );
    expect(refused.map((one) => one.cell.record)).toEqual(['5']);
    expect([...sent].sort()).toEqual(['1', '2', '3', '4', '6', '7']);
  });

  it('passes on what is no refusal', async () => {
    const broken = project(() => {
      throw new Error('broken off');
    });
    await expect(importCells(broken, design, [cell('1', 'ag_status', '10')], goAhead)).rejects.toThrow('broken off');
  });

  it('sends no further call once its right to is lost', async () => {
    const calls: FlatRow[][] = [];
    const lost = importCells(
      project((rows) => calls.push(rows)),
      design,
      [cell('1', 'ag_status', '10'), cell('2', 'ag_ts', 'T'), cell('3', 'ag_status', '10')],
      () => {
        if (calls.length > 0) throw new LeaseLostError('the writer');
      },
    );
    await expect(lost).rejects.toThrow(LeaseLostError);
    expect(calls).toHaveLength(1);
  });
});
