import { fixture, openLab, type Lab } from './server';

const superToken = 'F0'.repeat(32);
const names = ['classic.xml', 'longitudinal.xml', 'clinic.xml', 'caps-demo.xml'];
const whole = { exportSurveyFields: 'true', exportDataAccessGroups: 'true', exportFiles: 'true' };

/** Everything a project tells of itself but what its server gives it: ids, tokens, times. */
async function tells(lab: Lab, token: string): Promise<Record<string, string>> {
  const said: Record<string, string> = {};
  for (const content of [
    'metadata',
    'exportFieldNames',
    'instrument',
    'arm',
    'formEventMapping',
    'repeatingFormsEvents',
  ])
    said[content] = (await lab.call({ token, content, format: 'csv' })).body;
  const events = await lab.call({ token, content: 'event', format: 'csv' });
  said['event'] = events.body.replace(/,\d+$/gm, '');
  for (const type of ['flat', 'eav'])
    said[type] = (await lab.call({ token, content: 'record', format: 'csv', type, ...whole })).body;
  // A file's id is its server's.
  said['eav'] = said['eav']!.replace(/,(photo|portrait|exam_photo),\d+$/gm, ',$1,');
  const roles = await lab.call({ token, content: 'userRole', format: 'csv' });
  said['userRole'] = roles.body;
  said['xml'] = (await lab.call({ token, content: 'project_xml', ...whole })).body;
  return said;
}

describe.each(names)('%s', (name) => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture(name), { superToken });
  });
  afterEach(() => lab.close());

  it('exports again what it was loaded from, to the last letter', async () => {
    const once = await tells(lab, lab.token);
    expect(once['flat']!.length + once['metadata']!.length).toBeGreaterThan(500);
    const copy = lab.redcap.addProject(once['xml']!);
    expect(await tells(lab, copy.token)).toEqual(once);
  });

  it('is the same project when the API makes it, but for calculated values', async () => {
    const title = (await lab.json({ content: 'project' })).project_title as string;
    const purpose = String((await lab.json({ content: 'project' })).purpose);
    const dropped = lab.redcap.addProject(fixture(name), undefined, { calcs: 'drop' });
    const wish = JSON.stringify([{ project_title: title, purpose, purpose_other: 'as in the file' }]);
    const made = await lab.call({
      token: superToken,
      content: 'project',
      format: 'json',
      data: wish,
      odm: fixture(name),
    });
    expect(made.body).toMatch(/^[0-9A-F]{32}$/);
    const [asked, loaded] = [await tells(lab, made.body), await tells(lab, dropped.token)];
    const same = (xml: string): string => xml.replace(/<redcap:PurposeOther>.*<\/redcap:PurposeOther>\n/, '');
    expect({ ...asked, xml: same(asked['xml']!) }).toEqual({ ...loaded, xml: same(loaded['xml']!) });
  });

  it('is the same in a server that was stopped and started', async () => {
    const before = await tells(lab, lab.token);
    lab.redcap.restore(JSON.parse(JSON.stringify(lab.redcap.snapshot())));
    expect(await tells(lab, lab.token)).toEqual(before);
  });
});
