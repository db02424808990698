import nodemailer from 'nodemailer';
import { closeWorlds } from '../world/tiny-world';
import { ana, scene, seconds, study } from './phones';

afterEach(closeWorlds);

it('shows a person the messages, each phone, and the way to all of it', async () => {
  const { world, url, client } = await scene();
  await client.messages.create({ to: ana, from: study, body: '<i>Cepíllate</i>' });
  await client.messages.create({ to: '+15005530003', from: study, body: 'to a phone that is off' });
  seconds(world, 10);
  world.sendText(ana, study, 'STOP');
  world.act({ do: 'text', mobile: ana, body: 'SI' });
  const { host, port } = world.mail;
  await nodemailer
    .createTransport({ host, port, ignoreTLS: true })
    .sendMail({ from: 'a@example.org', to: 'b@example.org' });
  const read = async (path: string) => (await fetch(`${url}${path}`)).text();

  const front = await read('/');
  for (const shown of ['1 mails', '2 texts of Twilio', world.twilio.accountSid, `${host}:${port}`]) {
    expect(front).toContain(shown);
  }
  const messages = await read('/messages');
  expect(messages).toContain('undelivered 30003');
  expect(messages).toContain('&#60;i&#62;Cepíllate');
  expect(messages).toContain(`<th>${ana}</th>`);
  const list = await read('/handsets');
  expect(list).toContain(`<a href="/handsets/${ana}">`);
  const phone = await read(`/handsets/${ana}`);
  expect(phone.indexOf('Cepíllate')).toBeLessThan(phone.indexOf('STOP'));
  for (const shown of ['Line: mobile', 'to Agile Health', 'successfully been unsubscribed', `to ${study}`]) {
    expect(phone).toContain(shown);
  }
  expect(await read('/handsets/+16175550188')).toContain('nobody described');
  expect(await read('/mailbox')).toContain('(no subject)');
});

it('answers a program the same', async () => {
  const { world, url, client } = await scene();
  const { sid } = await client.messages.create({ to: ana, from: study, body: 'Hi' });
  seconds(world, 10);
  const read = async (path: string) => (await fetch(`${url}/__sandbox${path}`)).json() as Promise<any>;
  expect((await read('/handsets')).handsets[ana]).toMatchObject({
    line: 'mobile',
    received: [{ sid, from: study, body: 'Hi', at: '2018-09-03T12:00:04.000Z', segments: 1 }],
    sent: [],
  });
  expect(await read(`/handsets/${ana}`)).toEqual(world.handset(ana));
  expect(await read('/twilio')).toMatchObject({
    messages: { delivered: 1 },
    creates: 1,
    optOuts: [],
    balance: 99.9917,
  });
  expect((await read('/twilio/creates?after=0')).creates).toMatchObject([
    { n: 1, sid, outcome: 'accepted', segments: 1 },
  ]);
  expect((await read('/twilio/creates?after=1')).creates).toEqual([]);
  expect((await read('/twilio/messages')).messages).toMatchObject([{ sid, n: 1, status: 'delivered' }]);
  const wrong = await fetch(`${url}/__sandbox/handsets/${ana}/send`, { method: 'POST', body: '{"body":"x"}' });
  expect(wrong.status).toBe(400);
});
