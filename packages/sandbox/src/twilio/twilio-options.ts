import { sandboxToken } from '../world/tokens';

/** A sender: `mps` is segments a second; 0 for any number at once. */
export interface TwilioNumber {
  /** E.164, or a short code's digits. */
  phoneNumber: string;
  kind: 'long-code' | 'toll-free' | 'short-code';
  mps: number;
  /** Where texts to it are told; none: they are only listed. */
  smsUrl?: string;
}

/** A Messaging Service: senders behind one SID. */
export interface TwilioService {
  sid: string;
  name: string;
  senders: string[];
  /** Tells `OptOutType` with inbound texts. */
  advancedOptOut?: boolean;
}

/** The account that the stand-in knows. */
export interface TwilioOptions {
  /** `AC` and 32 hex digits. */
  accountSid: string;
  authToken: string;
  apiKeys: { sid: string; secret: string }[];
  /** Send nothing, keep nothing. */
  testCredentials: { accountSid: string; authToken: string };
  numbers: TwilioNumber[];
  services: TwilioService[];
}

/** What a world may choose of its account. */
export interface TwilioChoices extends Partial<TwilioOptions> {
  /** `mps` of every number, whatever its own is: with 0 texts of one instant arrive alike, in whatever order they were sent. */
  mps?: number;
}

const hex = (name: string) => sandboxToken(name).toLowerCase();

/** The account of a world that does not say otherwise; everybody's, and it opens nothing but a sandbox. */
export function twilioOptions({ mps, ...given }: TwilioChoices = {}): TwilioOptions {
  const options: TwilioOptions = {
    accountSid: `AC${hex('twilio')}`,
    authToken: hex('twilio auth token'),
    apiKeys: [{ sid: `SK${hex('twilio api key')}`, secret: hex('twilio api secret') }],
    testCredentials: { accountSid: `AC${hex('twilio test')}`, authToken: hex('twilio test token') },
    numbers: [
      { phoneNumber: '+12025550110', kind: 'long-code', mps: 1 },
      { phoneNumber: '+12025550111', kind: 'long-code', mps: 1 },
      { phoneNumber: '+18335550112', kind: 'toll-free', mps: 3 },
      { phoneNumber: '55512', kind: 'short-code', mps: 100 },
    ],
    services: [],
    ...given,
  };
  if (mps === undefined) return options;
  return { ...options, numbers: options.numbers.map((number) => ({ ...number, mps })) };
}
