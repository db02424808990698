/** Twilio's words for the errors it answers; `{to}`, `{from}` and `{what}` are filled in. */
const words: Record<number, [status: number, message: string]> = {
  20003: [401, 'Authenticate'],
  20008: [403, 'Resource not accessible with Test Account Credentials'],
  20009: [409, 'Cannot delete this resource before it is complete'],
  20404: [404, 'The requested resource {what} was not found'],
  20429: [429, 'Too Many Requests'],
  20500: [500, 'An internal server error has occurred'],
  20503: [503, 'Service is unavailable. Please try again'],
  21211: [400, "Invalid 'To' Phone Number: {to}"],
  21212: [400, "Invalid 'From' Phone Number: {from}"],
  21265: [400, "'To' number cannot be a Short Code: {to}"],
  21266: [400, "'To' and 'From' number cannot be the same: {to}"],
  21408: [400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}"],
  21602: [400, 'Message body is required.'],
  21603: [400, "A 'From' phone number is required."],
  21604: [400, "A 'To' phone number is required."],
  21606: [
    400,
    "The 'From' phone number provided ({from}) is not a valid message-capable Twilio phone number for this destination",
  ],
  21609: [400, 'The StatusCallback URL {what} is not a valid URL.'],
  21610: [400, 'Attempt to send to unsubscribed recipient'],
  21611: [400, "This 'From' number has exceeded the maximum number of queued messages"],
  21612: [400, "Message cannot be sent with the current combination of 'To' ({to}) and/or 'From' ({from}) parameters"],
  21614: [400, "'To' number {to} is not a valid mobile number"],
  21617: [400, 'The concatenated message body exceeds the 1600 character limit'],
  21635: [400, "'To' number {to} cannot be a landline"],
  21701: [404, 'The Messaging Service {what} does not exist'],
  21704: [400, 'The Messaging Service contains no phone numbers.'],
  30400: [400, 'Parameters are not valid'],
  30409: [409, 'This message cannot be canceled'],
  35111: [400, 'SendAt is missing'],
  35114: [400, 'SendAt time must be between 300 seconds and 35 days (3024000 seconds) in the future'],
  35118: [400, 'MessagingServiceSid is required to schedule a message'],
};

/** An error that Twilio answers (`messaging.md §3`): `{code, message, more_info, status}`. */
export class TwilioError extends Error {
  readonly status: number;

  constructor(
    readonly code: number,
    filling: { to?: string; from?: string; what?: string } = {},
  ) {
    const [status, message] = words[code] ?? [400, `Error ${code}`];
    super(message.replace(/\{(to|from|what)\}/g, (_, name: 'to' | 'from' | 'what') => filling[name] ?? ''));
    this.status = status;
  }

  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      more_info: `https://www.twilio.com/docs/errors/${this.code}`,
      status: this.status,
    };
  }
}
