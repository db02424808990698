import { Readable } from 'node:stream';
import { StudybridgeError } from '@studybridge/contracts';
import { notMade } from '@studybridge/effects';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';

/** How a mail server is reached. */
export interface MailAccess {
  host: string;
  port: number;
  tls: 'implicit' | 'required' | 'offered' | 'off';
  login: { user: string; pass: string } | null;
  timeoutMs: number;
}

/** One mail to one address. */
export interface Mail {
  /** The envelope's sender, and how it is shown. */
  from: { address: string; shown: string };
  to: string;
  subject: string;
  text: string;
  /** Without angle brackets. */
  messageId: string;
  date: Date;
}

/** `taken`: the server answered for it; `refused`: a final no (5xx) for this mail. */
export type MailAnswer = 'taken' | 'refused';

/** What an error of the connection is known by; nothing else of it is kept, for servers repeat addresses and texts. */
interface Traces {
  code?: unknown;
  responseCode?: unknown;
  command?: unknown;
}

/**
 * Hands one mail to the server. Throws a StudybridgeError marked as not made while the mail's text had not begun to leave, and for
 * "not now" (4xx) at any point: the server answered that it has nothing. After the text began without an answer nobody
 * knows, and the error is unmarked.
 */
export async function postMail(access: MailAccess, mail: Mail, signal: AbortSignal): Promise<MailAnswer> {
  const source = await compose(mail);
  let begun = false;
  const text = new Readable({
    read() {
      begun = true;
      this.push(source);
      this.push(null);
    },
  });
  const connection = new SMTPConnection({
    host: access.host,
    port: access.port,
    secure: access.tls === 'implicit',
    requireTLS: access.tls === 'required',
    ignoreTLS: access.tls === 'off',
    connectionTimeout: access.timeoutMs,
    greetingTimeout: access.timeoutMs,
    socketTimeout: access.timeoutMs,
  });
  const abort = (): void => connection.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      // Whatever the connection says after its end is nobody's concern.
      connection.on('error', reject);
      connection.once('end', () => reject(new Error('closed')));
      const send = (): void =>
        connection.send({ from: mail.from.address, to: [mail.to] }, text, (error) =>
          error ? reject(error) : resolve(),
        );
      connection.connect((error) => {
        if (error) return reject(error);
        const { login } = access;
        if (login === null) return send();
        connection.login({ credentials: login }, (refused) => (refused ? reject(refused) : send()));
      });
    });
    connection.quit();
    return 'taken';
  } catch (error) {
    connection.close();
    const known = mailError(error, begun);
    if (known === 'refused') return 'refused';
    throw known;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function compose(mail: Mail): Promise<Buffer> {
  return new MailComposer({
    from: mail.from.shown,
    to: mail.to,
    subject: mail.subject,
    text: mail.text,
    messageId: `<${mail.messageId}>`,
    date: mail.date,
    // No answering machine answers (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
}

function mailError(error: unknown, begun: boolean): StudybridgeError | 'refused' {
  const { code, responseCode, command } = (typeof error === 'object' && error !== null ? error : {}) as Traces;
  const answer = typeof responseCode === 'number' ? responseCode : null;
  const at = typeof command === 'string' ? command : '';
  if (code === 'EAUTH' || answer === 530 || answer === 535) {
    return notMade(
      setting(
        'SMTP_LOGIN',
        'The mail server does not accept the user or the password.',
        'Check SMTP_USER and SMTP_PASSWORD.',
      ),
    );
  }
  if (code === 'ETLS' || code === 'EREQUIRETLS') {
    return notMade(
      setting(
        'SMTP_TLS',
        'No secure connection to the mail server came about.',
        'Check SMTP_TLS, SMTP_PORT and the server’s certificate.',
      ),
    );
  }
  if (answer !== null && answer >= 400 && answer < 500) {
    return notMade(away(`SMTP_${answer}`, `The mail server answered "not now" (${answer}).`));
  }
  if (answer !== null && answer >= 500) {
    if (at === 'MAIL FROM') {
      return notMade(
        setting('SMTP_SENDER', `The mail server does not take mail from this sender (${answer}).`, 'Check MAIL_FROM.'),
      );
    }
    return 'refused';
  }
  const why = typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code) ? code : 'no answer';
  if (!begun) return notMade(away('SMTP_UNREACHABLE', `The mail server cannot be reached (${why}).`));
  return away('SMTP_UNKNOWN', `It is not known whether the mail server took a mail (${why}).`);
}

function away(code: string, message: string): StudybridgeError {
  return new StudybridgeError(message, {
    code,
    errorClass: 'dependency',
    remedy: 'Wait; what surely was not sent is tried again. If it lasts, ask whoever runs the mail server.',
  });
}

function setting(code: string, message: string, remedy: string): StudybridgeError {
  return new StudybridgeError(message, { code, errorClass: 'setting', remedy });
}
