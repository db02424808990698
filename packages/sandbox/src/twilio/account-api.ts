import { createHash } from 'node:crypto';
import type { TwilioCall, Reply } from './call';
import { e164 } from './check-order';
import { costOf, rfc2822 } from './message';
import { pageOf } from './paging';
import type { Traffic } from './traffic';
import { TwilioError } from './twilio-error';
import type { TwilioNumber, TwilioOptions, TwilioService } from './twilio-options';

/** The account, its numbers, its balance, look-ups and Messaging Services. */
export class AccountApi {
  constructor(
    private readonly traffic: Traffic,
    private readonly options: TwilioOptions,
    private readonly startedAt: string,
  ) {}

  /** US dollars that are left. */
  get balance(): number {
    return this.traffic.store.all().reduce((left, message) => left - costOf(message), this.traffic.settings.balance);
  }

  account(call: TwilioCall): Reply {
    const at = rfc2822(this.startedAt);
    return {
      status: 200,
      body: {
        sid: call.account,
        friendly_name: 'Studybridge sandbox',
        status: 'active',
        type: 'Full',
        owner_account_sid: call.account,
        date_created: at,
        date_updated: at,
        subresource_uris: {},
        uri: `/2010-04-01/Accounts/${call.account}.json`,
      },
    };
  }

  balanceOf(call: TwilioCall): Reply {
    return { status: 200, body: { account_sid: call.account, balance: this.balance.toFixed(4), currency: 'USD' } };
  }

  numbers(call: TwilioCall): Reply {
    const part = call.query.get('PhoneNumber')?.replaceAll('*', '') ?? '';
    const wanted = this.longNumbers.filter(({ phoneNumber }) => phoneNumber.includes(part));
    return {
      status: 200,
      body: pageOf(call, 'incoming_phone_numbers', wanted.map(withSid), (n) => this.numberJson(n, call.account)),
    };
  }

  number(call: TwilioCall): Reply {
    return { status: 200, body: this.numberJson(this.numberOf(call, this.longNumbers), call.account) };
  }

  updateNumber(call: TwilioCall): Reply {
    const number = this.numberOf(call, this.longNumbers);
    const url = call.form.get('SmsUrl');
    if (url !== null) this.traffic.setSmsUrl(number, url === '' ? null : url);
    return { status: 200, body: this.numberJson(number, call.account) };
  }

  shortCodes(call: TwilioCall): Reply {
    const part = call.query.get('ShortCode') ?? '';
    const wanted = this.codes.filter(({ phoneNumber }) => phoneNumber.includes(part));
    return {
      status: 200,
      body: pageOf(call, 'short_codes', wanted.map(withSid), (n) => this.codeJson(n, call.account)),
    };
  }

  shortCode(call: TwilioCall): Reply {
    return { status: 200, body: this.codeJson(this.numberOf(call, this.codes), call.account) };
  }

  updateShortCode(call: TwilioCall): Reply {
    const code = this.numberOf(call, this.codes);
    const url = call.form.get('SmsUrl');
    if (url !== null) this.traffic.setSmsUrl(code, url === '' ? null : url);
    return { status: 200, body: this.codeJson(code, call.account) };
  }

  /** Look-up v2: whether it is a number, and with `Fields=line_type_intelligence` what kind of line. */
  lookUp(call: TwilioCall): Reply {
    const asked = call.param('number');
    const number = e164(asked);
    const isUs = number?.startsWith('+1') ?? false;
    const fields = (call.query.get('Fields') ?? '').split(',');
    const digits = number?.slice(2) ?? '';
    return {
      status: 200,
      body: {
        calling_country_code: number === null ? null : isUs ? '1' : number.slice(1, 3),
        country_code: isUs ? 'US' : null,
        phone_number: number ?? asked,
        national_format: isUs ? `(${digits.slice(0, 3)}) ${digits.slice(3, 6)}-${digits.slice(6)}` : null,
        valid: number !== null,
        validation_errors: number === null ? [validationError(asked)] : [],
        caller_name: null,
        sim_swap: null,
        call_forwarding: null,
        line_status: null,
        line_type_intelligence:
          number !== null && fields.includes('line_type_intelligence') ? this.lineType(number) : null,
        identity_match: null,
        reassigned_number: null,
        sms_pumping_risk: null,
        url: `https://lookups.twilio.com/v2/PhoneNumbers/${number ?? asked}`,
      },
    };
  }

  /** The address of the list of numbers that were given up on a day. */
  deactivations(call: TwilioCall): Reply {
    const day = call.query.get('Date')?.slice(0, 10) ?? '';
    const to = `${call.base}/messaging/deactivated/${day}.txt`;
    return { status: 307, headers: { Location: to }, body: { redirect_to: to } };
  }

  /** That list: one number a line. */
  deactivated(day: string): string {
    const { deactivated } = this.traffic.settings;
    return deactivated
      .filter(({ date }) => date === day)
      .map(({ number }) => `${number}\n`)
      .join('');
  }

  services(call: TwilioCall): Reply {
    const services = this.options.services.map((service) => this.serviceJson(service.sid, call.account));
    return { status: 200, body: { services, meta: onePage('Services', 'services') } };
  }

  /** The numbers behind a Messaging Service, or its short codes. */
  serviceNumbers(call: TwilioCall, among: 'phone_numbers' | 'short_codes'): Reply {
    const service = this.serviceOf(call);
    const known = among === 'short_codes' ? this.codes : this.longNumbers;
    const numbers = known.filter(({ phoneNumber }) => service.senders.includes(phoneNumber));
    const resource = among === 'short_codes' ? 'ShortCodes' : 'PhoneNumbers';
    const url = `https://messaging.twilio.com/v1/Services/${service.sid}/${resource}`;
    const shown = numbers.map((number) => ({
      sid: withSid(number).sid,
      account_sid: call.account,
      service_sid: service.sid,
      date_created: this.startedAt,
      date_updated: this.startedAt,
      [among === 'short_codes' ? 'short_code' : 'phone_number']: number.phoneNumber,
      country_code: 'US',
      capabilities: ['SMS'],
      url: `${url}/${withSid(number).sid}`,
    }));
    return { status: 200, body: { [among]: shown, meta: onePage(`Services/${service.sid}/${resource}`, among) } };
  }

  service(call: TwilioCall): Reply {
    return { status: 200, body: this.serviceJson(this.serviceOf(call).sid, call.account) };
  }

  private serviceOf(call: TwilioCall): TwilioService {
    const service = this.options.services.find(({ sid }) => sid === call.param('sid'));
    if (!service) throw new TwilioError(20404, { what: call.path });
    return service;
  }

  private get longNumbers(): TwilioNumber[] {
    return this.options.numbers.filter(({ kind }) => kind !== 'short-code');
  }

  private get codes(): TwilioNumber[] {
    return this.options.numbers.filter(({ kind }) => kind === 'short-code');
  }

  private numberOf(call: TwilioCall, among: TwilioNumber[]): TwilioNumber {
    const number = among.find((known) => withSid(known).sid === call.param('sid'));
    if (!number) throw new TwilioError(20404, { what: call.path });
    return number;
  }

  private common(number: TwilioNumber, account: string): Record<string, unknown> {
    const at = rfc2822(this.startedAt);
    return {
      sid: withSid(number).sid,
      account_sid: account,
      api_version: '2010-04-01',
      friendly_name: number.phoneNumber,
      date_created: at,
      date_updated: at,
      sms_url: this.traffic.smsUrlOf(number),
      sms_method: 'POST',
      sms_fallback_url: null,
      sms_fallback_method: 'POST',
    };
  }

  private numberJson(number: TwilioNumber, account: string): Record<string, unknown> {
    return {
      ...this.common(number, account),
      phone_number: number.phoneNumber,
      capabilities: { voice: true, sms: true, mms: true, fax: false },
      beta: false,
      origin: 'twilio',
      status: 'in-use',
      status_callback: '',
      uri: `/2010-04-01/Accounts/${account}/IncomingPhoneNumbers/${withSid(number).sid}.json`,
    };
  }

  private codeJson(code: TwilioNumber, account: string): Record<string, unknown> {
    return {
      ...this.common(code, account),
      short_code: code.phoneNumber,
      uri: `/2010-04-01/Accounts/${account}/SMS/ShortCodes/${withSid(code).sid}.json`,
    };
  }

  private serviceJson(sid: string, account: string): Record<string, unknown> {
    const service = this.options.services.find((known) => known.sid === sid)!;
    return {
      sid,
      account_sid: account,
      friendly_name: service.name,
      date_created: this.startedAt,
      date_updated: this.startedAt,
      inbound_request_url: null,
      use_inbound_webhook_on_number: true,
      status_callback: null,
      validity_period: 36_000,
      sticky_sender: false,
      smart_encoding: false,
      url: `https://messaging.twilio.com/v1/Services/${sid}`,
      links: {},
    };
  }

  private lineType(number: string): Record<string, unknown> {
    const line = this.traffic.lineOf(number);
    const type = line === 'landline' ? 'landline' : line === 'voip' ? 'nonFixedVoip' : 'mobile';
    return {
      error_code: null,
      mobile_country_code: type === 'mobile' ? '310' : null,
      mobile_network_code: type === 'mobile' ? '000' : null,
      carrier_name: 'A carrier of the sandbox',
      type,
    };
  }
}

/** A number with its own SID, the same in every world. */
function withSid(number: TwilioNumber): TwilioNumber & { sid: string } {
  const prefix = number.kind === 'short-code' ? 'SC' : 'PN';
  return { ...number, sid: `${prefix}${createHash('md5').update(number.phoneNumber).digest('hex')}` };
}

function validationError(asked: string): string {
  const digits = asked.replace(/\D/g, '').length;
  if (/[^\d\s()+.-]/.test(asked)) return 'NOT_A_NUMBER';
  return digits < 11 ? 'TOO_SHORT' : digits > 15 ? 'TOO_LONG' : 'INVALID_BUT_POSSIBLE';
}

/** The page of a list that has only one, as the newer API tells it. */
function onePage(resource: string, key: string): Record<string, unknown> {
  const url = `https://messaging.twilio.com/v1/${resource}?PageSize=50&Page=0`;
  return { page: 0, page_size: 50, first_page_url: url, previous_page_url: null, url, next_page_url: null, key };
}
