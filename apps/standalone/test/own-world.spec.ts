import axios from 'axios';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createWorld, sandboxToken, type World } from '@studybridge/sandbox';
import { ismileCohort } from '@studybridge/studies';
import type { Summary } from '../src/summary';
import { lastJson, runStandalone, temporaryFolder } from './support/processes';

/** `npm start -- --once` against servers of one's own, and what it says when they are not as they should be. */
describe('a world of one’s own', () => {
  const temporary = temporaryFolder();
  const secretFile = path.join(temporary.folder, 'token');
  let world: World;
  let url: string;
  let own: Record<string, string>;

  beforeAll(async () => {
    const { projectXml } = ismileCohort({ pairs: 120 });
    world = createWorld({
      projects: [{ xml: projectXml, token: sandboxToken('ismile') }],
      startAt: new Date(),
      speed: 1,
    });
    ({ url } = await world.listen(0));
    writeFileSync(secretFile, `${sandboxToken('ismile')}\n`, { mode: 0o600 });
    own = {
      REDCAP_URL: `${url}/redcap/api/`,
      REDCAP_TOKEN_ISMILE_FILE: secretFile,
      REDCAP_CALLS_PER_MINUTE: '0',
      AGILE_HEALTH_URL: `${url}/agile`,
      AGILE_HEALTH_KEY: sandboxToken('agile-health'),
    };
  });

  afterAll(async () => {
    await world.close();
    temporary.remove();
  });

  const run = (name: string, env: Record<string, string>, args = ['--once', '--json']) =>
    runStandalone(args, { STUDYBRIDGE_DATA: path.join(temporary.folder, name), ...env });

  /** A family that a research assistant has just finished with, by REDCap's own import. */
  async function enrol(record: string): Promise<void> {
    const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York' }).format(new Date());
    const rows = [
      { record_id: record, redcap_event_name: 'screening_arm_1', eligible: '1', eligibility_complete: '2' },
      {
        record_id: record,
        redcap_event_name: 'baseline_arm_1',
        part_first_name: 'Zenobia',
        part_last_name: 'Example',
        part_gender: '1',
        part_lang: '2',
        part_mobile_number: '617-555-0187',
        part_mobile_ok_to_text: '1',
        child_first_name: 'Leander',
        child_gender: '2',
        child_dob: '2024-03-09',
        site_id: '1',
        part_consent_date: today,
        baseline_survey_complete: '2',
      },
    ];
    const form = new URLSearchParams({
      token: sandboxToken('ismile'),
      content: 'record',
      format: 'json',
      data: JSON.stringify(rows),
    });
    await axios.post(`${url}/redcap/api/`, form);
  }

  it('takes what it finds as the baseline and sends nothing', async () => {
    const first = await run('own', own);
    expect(lastJson<Summary>(first)).toMatchObject({
      ok: true,
      studies: { ismile: { consented: 2, enrolled: 0, held: { BASELINE_NOT_RELEASED: 2 } } },
      calls: { partnerPosts: 0, partnerPuts: 0 },
    });
    expect(first.code).toBe(0);
    // Nobody stands in for phones and mailboxes of real families.
    expect(first.stderr).not.toMatch(/sandbox:|Twilio|mailbox/);
    expect(lastJson<Summary>(first)).toMatchObject({
      messaging: { ismile: { sent: 0, delivered: 0 } },
      operators: { mails: 0, texts: 0 },
    });
    expect(world.members).toBe(0);
  });

  it('enrols who is consented afterwards, once, and writes it back', async () => {
    await enrol('901');
    expect(lastJson<Summary>(await run('own', own))).toMatchObject({
      ok: true,
      studies: { ismile: { consented: 3, enrolled: 1 } },
      calls: { partnerPosts: 1 },
    });
    expect(world.members).toBe(1);
    expect(lastJson<Summary>(await run('own', own))).toMatchObject({
      ok: true,
      messaging: { ismile: { sent: 0 } },
      calls: { partnerPosts: 0, redcapImports: 0 },
    });
    expect(world.members).toBe(1);
    expect(world.twilioCreates()).toEqual([]);
    expect(world.mailbox()).toEqual([]);
  });

  it('says that REDCap cannot be reached, exits 1, and goes on when it is back', async () => {
    const away = await run('away', { ...own, REDCAP_URL: 'http://127.0.0.1:9/api/' });
    expect(away.code).toBe(1);
    const problems = lastJson<Summary>(away).problems?.join(' ') ?? '';
    expect(problems).toMatch(/REDCap (cannot be reached|failed repeatedly)/);
    expect(problems).not.toMatch(/Report it/);
    expect(lastJson<Summary>(await run('away', own))).toMatchObject({ ok: true });
  });

  it('says that the token opens nothing, without showing it', async () => {
    const token = '0123456789ABCDEF0123456789ABCDEF';
    const { REDCAP_TOKEN_ISMILE_FILE: _file, ...rest } = own;
    const refused = await run('refused', { ...rest, REDCAP_TOKEN_ISMILE: token });
    expect(refused.code).toBe(1);
    expect(lastJson<Summary>(refused).problems?.join(' ')).toMatch(/token/i);
    expect(refused.stdout + refused.stderr).not.toContain(token);
  });

  it('says every setting that is wrong at once', async () => {
    const wrong = await run('wrong', { ...own, REDCAP_TOKEN_ISMILE: 'x', AGILE_HEALTH_URL: 'partner' });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/REDCAP_TOKEN_ISMILE/);
    expect(wrong.stdout + wrong.stderr).not.toContain(sandboxToken('agile-health'));
  });

  it('refuses a secret file that others may read', async () => {
    const open = path.join(temporary.folder, 'open-token');
    writeFileSync(open, sandboxToken('ismile'), { mode: 0o644 });
    const refused = await run('open', { ...own, REDCAP_TOKEN_ISMILE_FILE: open });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/REDCAP_TOKEN_ISMILE_FILE/);
  });

  it('names the port that is in use and what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const refused = await run('port', { SANDBOX_PORT: String(port) }, []);
    server.close();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(new RegExp(`${port}.*in use`));
  });
});
