import twilio from 'twilio';
import { sign } from './signature';

const params = {
  CallSid: 'CA1234567890ABCDE',
  Caller: '+12349013030',
  Digits: '1234',
  From: '+12349013030',
  To: '+18005551212',
};
const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';

it('is the signature that Twilio’s documentation gives', () => {
  expect(sign('12345', url, params)).toBe('0/KCTR6DLpKmkAf8muzZqo1nDgQ=');
});

it('counts the query and empty parameters, and leaves the fragment out', () => {
  const signature = sign('12345', `${url}#rc=3`, { ...params, Body: '' });
  expect(twilio.validateRequest('12345', signature, url, { ...params, Body: '' })).toBe(true);
  expect(twilio.validateRequest('12345', signature, url, params)).toBe(false);
  expect(twilio.validateRequest('12345', signature, 'https://mycompany.com/myapp.php', { ...params, Body: '' })).toBe(
    false,
  );
});
