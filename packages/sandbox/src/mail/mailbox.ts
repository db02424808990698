import { createHash } from 'node:crypto';
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';

/** A mail that was taken, as plain JSON. */
export interface Mail {
  /** In the order they came, from 1. */
  n: number;
  id: string;
  /** Study time, ISO UTC; and real time, epoch milliseconds. */
  at: string;
  realAt: number;
  envelope: { from: string; to: string[] };
  from: string;
  to: string;
  cc: string;
  replyTo: string;
  subject: string;
  text: string;
  /** Empty: there is none. */
  html: string;
  /** Of the sender's making; two mails with the same one are a doubled mail. */
  messageId: string;
  headers: Record<string, string>;
  attachments: { name: string; type: string; bytes: number; /** Base64. */ content: string }[];
}

/** A mail before it has its number. */
export type NewMail = Omit<Mail, 'n' | 'id' | 'at' | 'realAt'>;

/** Reads a mail's source. */
export async function readMail(source: Buffer, envelope: Mail['envelope']): Promise<NewMail> {
  const parsed = await simpleParser(source);
  return {
    envelope,
    from: parsed.from?.text ?? '',
    to: addresses(parsed.to),
    cc: addresses(parsed.cc),
    replyTo: parsed.replyTo?.text ?? '',
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html || '',
    messageId: parsed.messageId ?? '',
    headers: headersOf(parsed),
    attachments: parsed.attachments.map(({ filename, contentType, size, content }) => ({
      name: filename ?? 'unnamed',
      type: contentType,
      bytes: size,
      content: content.toString('base64'),
    })),
  };
}

/** Everybody's mailbox: what the server took, oldest first. */
export class Mailbox {
  private mails: Mail[] = [];

  add(mail: NewMail, at: Date, realAt: number): Mail {
    const n = this.mails.length + 1;
    const id = createHash('sha256')
      .update(JSON.stringify([n, mail]))
      .digest('hex')
      .slice(0, 12);
    const kept = { n, id, at: at.toISOString(), realAt, ...mail };
    this.mails.push(kept);
    return kept;
  }

  after(n: number): readonly Mail[] {
    return this.mails.slice(n);
  }

  get(n: number): Mail | undefined {
    return this.mails[n - 1];
  }

  snapshot(): Mail[] {
    return this.mails;
  }

  restore(mails: Mail[]): void {
    this.mails = mails;
  }
}

function addresses(given: AddressObject | AddressObject[] | undefined): string {
  if (!given) return '';
  return (Array.isArray(given) ? given : [given]).map(({ text }) => text).join(', ');
}

/** The headers as they were written, by lower-case name. */
function headersOf(parsed: ParsedMail): Record<string, string> {
  return Object.fromEntries(parsed.headerLines.map(({ key, line }) => [key, line.slice(line.indexOf(':') + 1).trim()]));
}
