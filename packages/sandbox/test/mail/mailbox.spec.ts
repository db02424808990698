import nodemailer from 'nodemailer';
import type { FaultSpec } from '../../src/world/fault-spec';
import type { WorldOptions } from '../../src/world/world';
import { closeWorlds, openWorld } from '../world/tiny-world';

afterEach(closeWorlds);

async function scene(options: WorldOptions = {}) {
  const { world, url } = await openWorld(options);
  const { host, port } = world.mail;
  const transport = (more: object = {}) => nodemailer.createTransport({ host, port, ignoreTLS: true, ...more });
  return { world, url, transport, post: transport() };
}

const mail = {
  from: 'Study <study@example.org>',
  to: ['op@example.org', 'pi@example.org'],
  subject: 'Run ended',
  text: 'Counts: 3',
};
const failureOf = async (call: Promise<unknown>) =>
  call.then(
    () => ({}),
    (error: unknown) => error as { code?: string; responseCode?: number },
  );

it('takes a mail with everything in it, and shows it to a person and a program', async () => {
  const { world, url, post } = await scene();
  const sent = await post.sendMail({
    ...mail,
    cc: 'ra@example.org',
    bcc: 'secret@example.org',
    subject: 'Lauf für Ana – <b>fertig</b>',
    html: '<p>3 <script>alert(1)</script></p>',
    headers: { 'X-Studybridge-Run': 'run-7' },
    attachments: [{ filename: 'log.txt', content: 'line one\n' }],
  });
  const [kept] = world.mailbox();
  expect(kept).toMatchObject({
    n: 1,
    at: world.now.toISOString(),
    envelope: {
      from: 'study@example.org',
      to: ['op@example.org', 'pi@example.org', 'ra@example.org', 'secret@example.org'],
    },
    to: 'op@example.org, pi@example.org',
    cc: 'ra@example.org',
    subject: 'Lauf für Ana – <b>fertig</b>',
    messageId: sent.messageId,
    headers: { 'x-studybridge-run': 'run-7' },
    attachments: [{ name: 'log.txt', type: 'text/plain', bytes: 9 }],
  });
  expect(kept!.text.trim()).toBe('Counts: 3');
  const json = await (await fetch(`${url}/__sandbox/mailbox?after=0`)).json();
  expect(json).toEqual({ messages: [kept] });
  expect(await (await fetch(`${url}/__sandbox/mailbox/1`)).json()).toEqual(kept);
  expect((await fetch(`${url}/__sandbox/mailbox/2`)).status).toBe(404);

  const list = await (await fetch(`${url}/mailbox`)).text();
  expect(list).toContain('Lauf für Ana – &#60;b&#62;fertig');
  const shown = await (await fetch(`${url}/mailbox/1`)).text();
  expect(shown).toMatch(/<iframe\s+sandbox\s+src="\/mailbox\/1\/html"/);
  expect(shown).not.toContain('alert(1)');
  const inside = await fetch(`${url}/mailbox/1/html`);
  expect(inside.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'/);
  const attached = await fetch(`${url}/mailbox/1/attachments/0`);
  expect(attached.headers.get('content-disposition')).toBe('attachment; filename=log.txt');
  expect(await attached.text()).toBe('line one\n');
});

it('asks who it is where it was given a user', async () => {
  const { world, post, transport } = await scene({ mail: { user: 'studybridge', password: 'right' } });
  expect(world.mail).toMatchObject({ user: 'studybridge', password: 'right' });
  expect(await failureOf(post.sendMail(mail))).toMatchObject({ responseCode: 530 });
  const wrong = transport({ auth: { user: 'studybridge', pass: 'wrong' } });
  expect(await failureOf(wrong.sendMail(mail))).toMatchObject({ code: 'EAUTH', responseCode: 535 });
  await transport({ auth: { user: 'studybridge', pass: 'right' } }).sendMail(mail);
  expect(world.mailbox()).toHaveLength(1);
});

it.each([
  [{ kind: '550' }, { responseCode: 550 }, 0],
  [{ kind: '451' }, { responseCode: 451 }, 0],
  [{ kind: 'reset' }, { code: expect.stringMatching(/^(ECONNECTION|ECONNRESET|ESOCKET)$/) }, 0],
  [{ kind: 'timeout-after-commit', ms: 5_000 }, { code: 'ETIMEDOUT' }, 1],
  [{ kind: 'timeout-after-commit', ms: 0 }, { code: expect.stringMatching(/^(ECONNECTION|ECONNRESET|ESOCKET)$/) }, 1],
  [{ kind: 'slow', ms: 10 }, {}, 1],
] as const)('meets %j', async (fault, failure, kept) => {
  const { world, post, transport } = await scene();
  world.addFault('mail', fault as FaultSpec);
  const isHeld = fault.kind === 'timeout-after-commit' && fault.ms > 0;
  const hasty = isHeld ? transport({ socketTimeout: 500 }) : post;
  expect(await failureOf(hasty.sendMail(mail))).toMatchObject(failure);
  expect(world.mailbox()).toHaveLength(kept);
  await post.sendMail({ ...mail, subject: 'next' });
  expect(world.mailbox().map(({ subject }) => subject)).toEqual([...Array<string>(kept).fill('Run ended'), 'next']);
});

it('refuses one recipient and takes the mail for the other', async () => {
  const { world, post } = await scene();
  world.addFault('mail', { kind: '550', match: { method: 'RCPT', path: 'pi@' } });
  const { accepted, rejected } = await post.sendMail(mail);
  expect([accepted, rejected]).toEqual([['op@example.org'], ['pi@example.org']]);
  expect(world.mailbox()[0]!.envelope.to).toEqual(['op@example.org']);
});

it('meets only mail that a fault matches', async () => {
  const { world, post } = await scene();
  world.addFault('mail', { kind: '451', match: { bodyIncludes: 'Alert' } });
  await post.sendMail(mail);
  expect(await failureOf(post.sendMail({ ...mail, subject: 'Alert' }))).toMatchObject({ responseCode: 451 });
  expect(world.mailbox()).toHaveLength(1);
});
