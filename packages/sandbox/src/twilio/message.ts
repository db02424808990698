/** Twilio's words for what became of a message. */
export type MessageStatus =
  | 'accepted'
  | 'scheduled'
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'undelivered'
  | 'failed'
  | 'canceled'
  | 'received';

/** A message as the stand-in keeps it. Instants are study time, ISO UTC. */
export interface Message {
  /** In the order of creation, from 1. */
  n: number;
  sid: string;
  direction: 'inbound' | 'outbound-api' | 'outbound-reply';
  /** Null until a Messaging Service has chosen. */
  from: string | null;
  to: string;
  body: string;
  serviceSid: string | null;
  status: MessageStatus;
  errorCode: number | null;
  /** Every status so far; the last one is `status`. */
  history: { status: MessageStatus; errorCode: number | null; at: string }[];
  createdAt: string;
  sentAt: string | null;
  segments: number;
  statusCallback: string | null;
  validityMs: number;
  sendAt: string | null;
  /** When the request that created it came; real time. */
  realAt: number;
  /** Gone from the API, not from the air. */
  deleted: boolean;
}

/** Whether Twilio is still busy with it: it can be neither redacted nor deleted. */
export function isInProgress({ status }: Message): boolean {
  return status === 'accepted' || status === 'scheduled' || status === 'queued' || status === 'sending';
}

/** Words that Twilio tells with an error code; another code has a general one. */
const errorWords: Record<number, string> = {
  21610: 'Attempt to send to unsubscribed recipient',
  30001: 'Queue overflow',
  30003: 'Unreachable destination handset',
  30004: 'Message blocked',
  30005: 'Unknown destination handset',
  30006: 'Landline or unreachable carrier',
  30007: 'Message filtered',
  30008: 'Unknown error',
  30034: 'US A2P 10DLC - Message from an Unregistered Number',
  30036: 'Validity Period Expired',
};

/** Price of a segment, US dollars. */
const segmentPrice = 0.0083;

/** US dollars that it cost: what left Twilio is billed by the segment. */
export function costOf(message: Message): number {
  return message.sentAt !== null && message.direction !== 'inbound' ? message.segments * segmentPrice : 0;
}

/** The resource as the API tells it; `back` tells it as it was that many statuses before. */
export function messageJson(message: Message, account: string, back = 0): Record<string, unknown> {
  const { sid, history } = message;
  const shown = history[Math.max(0, history.length - 1 - back)]!;
  const uri = `/2010-04-01/Accounts/${account}/Messages/${sid}`;
  const isSent = message.sentAt !== null && message.sentAt <= shown.at;
  const cost = isSent ? costOf(message) : 0;
  return {
    account_sid: account,
    api_version: '2010-04-01',
    body: message.body,
    date_created: rfc2822(message.createdAt),
    date_sent: isSent ? rfc2822(message.sentAt!) : null,
    date_updated: rfc2822(shown.at),
    direction: message.direction,
    error_code: shown.errorCode,
    error_message: shown.errorCode === null ? null : (errorWords[shown.errorCode] ?? 'Unknown error'),
    from: message.from,
    messaging_service_sid: message.serviceSid,
    num_media: '0',
    num_segments: String(message.from === null ? 0 : message.segments),
    price: cost > 0 ? (-cost).toFixed(5) : null,
    price_unit: 'USD',
    sid,
    status: shown.status,
    subresource_uris: { media: `${uri}/Media.json`, feedback: `${uri}/Feedback.json` },
    to: message.to,
    uri: `${uri}.json`,
  };
}

/** An instant as the API writes it: `Thu, 24 Aug 2023 05:01:45 +0000`. */
export function rfc2822(iso: string): string {
  return new Date(iso).toUTCString().replace('GMT', '+0000');
}
