import { RedcapStandIn } from '../../src/redcap/redcap-stand-in';
import { fixture, openLab, StillWorld } from './server';

describe('project XML', () => {
  const load = (xml: string): unknown => new RedcapStandIn(new StillWorld()).addProject(xml);

  it.each([
    ['nothing', '', /no element|well-formed/],
    ['no XML', 'hello', /well-formed|no element/],
    ['other XML', '<a><b/></a>', /not a REDCap project/],
    ['an open tag', '<ODM><Study>', /well-formed/],
    ['a document type', '<!DOCTYPE ODM SYSTEM "file:///etc/hostname"><ODM/>', /document type or entities/],
    [
      'an entity bomb',
      '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]><ODM>&c;</ODM>',
      /document type or entities/,
    ],
    ['absurd nesting', `${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}`, /could not be read/],
    ['an endless comment', '<ODM><!-- ', /ends in the middle/],
    ['no fields', '<ODM><Study><MetaDataVersion/></Study></ODM>', /defines no field/],
  ])('refuses %s with a sentence', (_what, xml, reason) => {
    expect(() => load(xml)).toThrow(reason);
  });

  it('reads a large run of quotes in no time', () => {
    const started = performance.now();
    expect(() => load(`<a ${'"" '.repeat(200_000)}`)).toThrow();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('keeps calculated values, or leaves them to the dictionary as the API does', async () => {
    const world = new StillWorld();
    const redcap = new RedcapStandIn(world);
    const { token } = redcap.addProject(fixture('classic.xml'), undefined, { calcs: 'drop' });
    expect(JSON.stringify(redcap.snapshot())).not.toContain('"bmi":"17.0"');
    expect(token).toMatch(/^[0-9A-F]{32}$/);
  });

  it('keeps several projects apart, each behind its token', async () => {
    const lab = await openLab(fixture('classic.xml'), {}, 'A'.repeat(32));
    const other = lab.redcap.addProject(fixture('longitudinal.xml'), 'B'.repeat(32));
    expect(lab.token).toBe('A'.repeat(32));
    expect(other).toEqual({ projectId: 14, token: 'B'.repeat(32), title: 'Two arms' });
    expect((await lab.json({ content: 'project', token: other.token })).project_title).toBe('Two arms');
    expect((await lab.json({ content: 'project' })).project_title).toBe('Tooth diary');
    const second = lab.redcap.addToken(other.projectId, 'reader');
    lab.redcap.setRights(second, { api_import: 0 });
    expect((await lab.call({ token: second, content: 'record', format: 'csv', data: 'record_id\n1' })).status).toBe(
      403,
    );
    expect((await lab.call({ token: other.token, content: 'record', format: 'csv', data: 'record_id\n1' })).body).toBe(
      '1',
    );
    await lab.close();
  });
});
