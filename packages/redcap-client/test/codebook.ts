/** As `npm run codebook` writes one. */
export const codebook = {
  recordIdField: 'record_id',
  events: { baseline_arm_1: { arm: 1, instruments: ['person'] }, later_arm_1: { arm: 1, instruments: [] } },
  fields: {
    record_id: { instrument: 'person', type: 'text', validation: '', choices: {} },
    first_name: { instrument: 'person', type: 'text', validation: '', choices: {} },
    part_lang: { instrument: 'person', type: 'radio', validation: '', choices: { '1': 'English', '2': 'Spanish' } },
    race___1: { instrument: 'person', type: 'checkbox', validation: '', choices: { '0': 'Unchecked', '1': 'One' } },
    race___2: { instrument: 'person', type: 'checkbox', validation: '', choices: { '0': 'Unchecked', '1': 'Two' } },
    person_complete: {
      instrument: 'person',
      type: 'dropdown',
      validation: '',
      choices: { '0': 'Incomplete', '1': 'Unverified', '2': 'Complete' },
    },
  },
  missingDataCodes: { NI: 'No information' },
} as const;
