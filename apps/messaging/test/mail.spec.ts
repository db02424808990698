import type { World } from '@studybridge/sandbox';
import type { MessagingDefinition } from '@studybridge/studies';
import { eventually } from '@studybridge/testing';
import { clearStage, setStage } from './harness';
import { testDefinition } from './test-study';

afterEach(clearStage);

const definition: MessagingDefinition = {
  ...testDefinition,
  purposes: {
    ...testDefinition.purposes,
    letter: {
      title: 'A letter.',
      channel: 'email',
      audience: 'participant',
      atClosedWindow: 'hold',
      inDoubt: 'person',
      cap: null,
    },
  },
  templates: {
    ...testDefinition.templates,
    letter: {
      channel: 'email',
      longest: { name: 'Maximiliana' },
      subject: { en: ({ name }) => `For ${name}`, es: ({ name }) => `Para ${name}` },
      body: { en: ({ name }) => `Hello ${name}.`, es: ({ name }) => `Hola ${name}. ¡Adiós!` },
    },
  },
};

const mailTo = (world: World): Record<string, string> => ({
  SMTP_HOST: world.mail.host,
  SMTP_PORT: String(world.mail.port),
  SMTP_TLS: 'off',
  SMTP_TIMEOUT_MS: '1500',
  MAIL_FROM: 'iSMILE study <ismile@study.example>',
});

const letter = { channel: 'email', purpose: 'letter', template: 'letter' } as const;

async function ready(env: Record<string, string> = {}) {
  const stage = await setStage({ definition, env: (world) => ({ ...mailTo(world), ...env }) });
  const id = await stage.others.newPerson({ email: 'zelda@family.example', lang: '2' });
  await stage.playTo('2018-10-02T16:00:00Z');
  return { ...stage, id, mailbox: () => stage.world.mailbox(0) };
}

describe('a mail', () => {
  it('goes the same way as a text: once, in the participant’s language, taken is sent', async () => {
    const stage = await ready();
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda\r\nBcc: all@family.example' } });
    await stage.idle();
    expect(stage.mailbox()).toHaveLength(1);
    const [mail] = stage.mailbox();
    expect(mail).toMatchObject({ envelope: { from: 'ismile@study.example', to: ['zelda@family.example'] } });
    expect(mail!.subject).toBe('Para Zelda Bcc: all@family.example');
    expect(mail!.text).toContain('¡Adiós!');
    expect(JSON.stringify(mail!.headers)).toMatch(/auto-generated/i);
    expect(await stage.rows(request)).toMatchObject([
      { state: 'no-receipt', sid: expect.stringContaining('@study.example') },
    ]);
    await stage.others.ask(stage.id, { ...letter, requestId: request, data: { name: 'Zelda' } });
    await stage.idle();
    expect(stage.mailbox()).toHaveLength(1);
    const tables = JSON.stringify(await stage.sql('SELECT * FROM message, message_news, effect'));
    for (const text of [stage.logged(), tables]) expect(text).not.toMatch(/zelda@|Zelda/);
  });

  it('that a server refuses for good is not tried again', async () => {
    const stage = await ready();
    stage.world.addFault('mail', { kind: '550', times: 1 });
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda' } });
    await stage.idle();
    expect(stage.mailbox()).toEqual([]);
    expect(await stage.rows(request)).toMatchObject([{ state: 'failed', attention: 'MAIL_REFUSED' }]);
  });

  it('to an address that the server does not know is refused as well', async () => {
    const stage = await ready();
    stage.world.addFault('mail', { kind: '550', match: { method: 'RCPT' }, times: 1 });
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda' } });
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'failed', attention: 'MAIL_REFUSED' }]);
  });

  it('that was put off goes out later, once', async () => {
    const stage = await ready();
    stage.world.addFault('mail', { kind: '451', times: 2 });
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda' } });
    await stage.idle();
    expect(stage.mailbox()).toHaveLength(1);
    expect(await stage.rows(request)).toMatchObject([{ state: 'no-receipt', attempt: 1 }]);
  });

  it('whose answer never came is in doubt and never sent again by itself', async () => {
    const stage = await ready();
    stage.world.addFault('mail', { kind: 'timeout-after-commit', times: 1, ms: 200 });
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda' } });
    await stage.idle();
    await stage.playTo('2018-10-04T16:00:00Z');
    expect(stage.mailbox()).toHaveLength(1);
    expect(await stage.rows(request)).toMatchObject([{ state: 'in-doubt', attention: 'SEND_IN_DOUBT' }]);
  });

  it('waits for a server that is away', async () => {
    const stage = await ready({ SMTP_PORT: '1' });
    const request = await stage.others.ask(stage.id, { ...letter, data: { name: 'Zelda' } });
    await eventually(
      async () => (await stage.get<{ problems: string[] }>('/idle')).problems.join().includes('SMTP_UNREACHABLE'),
      { what: 'the pause to be told' },
    );
    // Between two tries it is being dispatched; what counts is that each try gives it back.
    await eventually(async () => (await stage.rows(request))[0]?.['state'] === 'queued', {
      what: 'the mail to be queued again',
    });
    // It is put right: the service comes back with the right address.
    stage.env['SMTP_PORT'] = String(stage.world.mail.port);
    await stage.restart();
    await stage.idle();
    expect(stage.mailbox()).toHaveLength(1);
  });

  it('is held where the address is none, and where nobody is set up to send it', async () => {
    const stage = await ready();
    const wrong = await stage.others.newPerson({ email: 'not an address' });
    const none = await stage.others.newPerson({ email: '' });
    const requests = [
      await stage.others.ask(wrong, { ...letter, data: { name: 'A' } }),
      await stage.others.ask(none, { ...letter, data: { name: 'A' } }),
    ];
    await stage.idle();
    const reasons = await Promise.all(requests.map(async (one) => (await stage.rows(one))[0]!.reason));
    expect(reasons).toEqual(['EMAIL_INVALID', 'EMAIL_MISSING']);
    expect(stage.mailbox()).toEqual([]);
  });
});
