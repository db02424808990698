import { fixture, openLab, type Lab } from './server';

/** Classic's survey `habits` with more to it: a file that must be given, and a reason asked of those who do not brush. */
const xml = fixture('classic.xml')
  .replace(
    '<ItemRef ItemOID="agrees"',
    '<ItemRef ItemOID="proof" Mandatory="Yes" redcap:Variable="proof"/><ItemRef ItemOID="reason" Mandatory="Yes" redcap:Variable="reason"/><ItemRef ItemOID="agrees"',
  )
  .replace(
    '<ItemDef OID="agrees"',
    '<ItemDef OID="proof" Name="proof" DataType="text" redcap:Variable="proof" redcap:FieldType="file" redcap:RequiredField="y" redcap:BranchingLogic="[brushes] = &#039;1&#039;"><Question><TranslatedText>Picture of the brush</TranslatedText></Question></ItemDef>' +
      '<ItemDef OID="reason" Name="reason" DataType="text" redcap:Variable="reason" redcap:FieldType="text" redcap:RequiredField="y" redcap:BranchingLogic="[brushes] = &#039;0&#039; and [often] = &#039;&#039;"><Question><TranslatedText>Why not?</TranslatedText></Question></ItemDef>' +
      '<ItemDef OID="agrees"',
  );

const png = new File([new Uint8Array([137, 80, 78, 71])], 'brush.png', { type: 'image/png' });

describe('survey pages', () => {
  let lab: Lab;
  let link = '';
  beforeEach(async () => {
    lab = await openLab(xml);
    link = (await lab.call({ content: 'surveyLink', record: '10', instrument: 'habits' })).body;
  });
  afterEach(() => lab.close());

  const submit = async (entered: Record<string, string | File>): Promise<string> => {
    const form = new FormData();
    for (const [name, value] of Object.entries(entered)) form.append(name, value);
    return (await fetch(link, { method: 'POST', body: form })).text();
  };
  const stored = async (fields: string) => (await lab.json({ content: 'record', records: '10', fields }))[0];

  it('hide what branching logic hides, and tell it while the participant fills in', async () => {
    const page = await (await fetch(link)).text();
    const hidden = [...page.matchAll(/data-field="(\w+)"\s+hidden/g)].map(([, field]) => field);
    expect(hidden).toEqual(['often', 'proof', 'reason']);
    const look = async (entered: string): Promise<unknown> =>
      (await fetch(link, { method: 'POST', body: new URLSearchParams(`${entered}&look=1`) })).json();
    expect(await look('brushes=1')).toEqual({ hidden: ['reason'] });
    // What was entered into a field that is hidden by now counts for nothing.
    expect(await look('brushes=0&often=2')).toEqual({ hidden: ['often', 'proof'] });
    expect(await stored('brushes,habits_complete')).toEqual({ brushes: '', habits_complete: '0' });
  });

  it('do not ask for what is hidden, nor store it', async () => {
    expect(await submit({ brushes: '0' })).toContain('Why not?: please answer.');
    expect(await submit({ brushes: '0', reason: 'no time', often: '2', proof: png })).toContain('Thank you');
    expect(await stored('brushes,often,proof,reason,habits_complete')).toEqual({
      brushes: '0',
      often: '',
      proof: '',
      reason: 'no time',
      habits_complete: '2',
    });
  });

  it('take files', async () => {
    expect(await submit({ brushes: '1', often: '1' })).toContain('Picture of the brush: please answer.');
    expect(await submit({ brushes: '1', often: '1', proof: new File([], '') })).toContain('please answer.');
    expect(await submit({ brushes: '1', often: '1', proof: png, 'save-survey': '1' })).toContain('were saved');
    expect(await (await fetch(link)).text()).toContain('brush.png');
    expect(await submit({ brushes: '1', often: '1' })).toContain('Thank you');
    const file = { content: 'file', action: 'export', record: '10', field: 'proof' };
    expect(await lab.call(file)).toMatchObject({ status: 200, type: 'image/png; name="brush.png"' });
    expect(await stored('proof')).toEqual({ proof: 'brush.png' });
    const lines: any[] = await lab.json({ content: 'log', record: '10', user: '[survey respondent]' });
    expect(lines.at(-1).details).toMatch(/proof = '\d+'/);
  });

  it('say so when a request cannot be read', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const reply = await fetch(link, { method: 'POST', headers, body: 'nonsense' });
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain('could not be read');
  });
});
