import { wasNotSent } from '@studybridge/effects';
import { TwilioClient } from './twilio-client';
import { twilioError, TwilioRefusal } from './twilio-errors';

const thrown = (traces: object): Error => Object.assign(new Error('as the client throws it'), traces);

it('knows from the real client that a connection never was, and says nothing else of it', async () => {
  const access = { url: 'http://127.0.0.1:1', accountSid: `AC${'0'.repeat(32)}`, authToken: 'not-to-be-shown' };
  const error = await new TwilioClient({ ...access, timeoutMs: 5_000 }).balance().then(String, twilioError);
  expect(error).toMatchObject({ code: 'ECONNREFUSED', errorClass: 'dependency' });
  expect(wasNotSent(error)).toBe(true);
  expect(JSON.stringify(error) + String(error)).not.toMatch(/not-to-be-shown|AC0/);
});

it('tells what surely was not done from what nobody knows', () => {
  expect(twilioError(thrown({ status: 400, code: 21610 }))).toBeInstanceOf(TwilioRefusal);
  for (const sure of [{ status: 429 }, { status: 401 }, { code: 'ENOTFOUND' }]) {
    expect(wasNotSent(twilioError(thrown(sure)))).toBe(true);
  }
  for (const open of [{ code: 'ECONNRESET' }, { code: 'ETIMEDOUT' }, { status: 503 }, {}]) {
    expect(wasNotSent(twilioError(thrown(open)))).toBe(false);
  }
});
