import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { FaultSpec } from '../world/fault-spec';
import { sandboxError } from '../world/sandbox-error';
import type { OutwardPort } from '../world/world-port';
import { Mailbox, readMail, type NewMail } from './mailbox';

/** Where the mail server listens, and who may use it. */
export interface MailOptions {
  /** Default 0: any free one. */
  port?: number;
  host?: string;
  /** With a user, mail is taken only after AUTH. */
  user?: string;
  password?: string;
}

const largest = 25_000_000;
/** Real milliseconds that a mail taken without an answer holds the line, and that a slow one takes. */
const holdMs = 2_000;
const slowMs = 1_000;

type Refusal = Error & { responseCode: number };

/** A mail server that takes whatever it is given, unless a fault says otherwise, and keeps it in one mailbox. */
export class MailServer {
  readonly mailbox = new Mailbox();
  private server: SMTPServer | null = null;
  /** By the caller's port. */
  private readonly sockets = new Map<number, Socket>();

  constructor(
    private readonly port: OutwardPort,
    private readonly options: MailOptions,
    private readonly say: (line: string) => void,
  ) {
    port.onInput('mail', (data) => {
      const mail = this.mailbox.add(data as NewMail, port.now(), port.realNow());
      say(`mail to ${mail.envelope.to.join(', ')}: ${mail.subject}`);
    });
  }

  /** Throws a `setting` error when the port is not to be had. */
  async listen(host: string): Promise<{ host: string; port: number; user?: string; password?: string }> {
    const { user, password } = this.options;
    const { port } = this;
    const at = this.options.host ?? host;
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS', ...(user === undefined ? ['AUTH'] : [])],
      authOptional: user === undefined,
      allowInsecureAuth: true,
      disableReverseLookup: true,
      logger: false,
      size: largest,
      closeTimeout: 100,
      onAuth: ({ username, password: given }, _session, done) => {
        if (username === user && given === password) return done(null, { user: username });
        done(refused(535, 'Authentication credentials invalid'));
      },
      onRcptTo: ({ address }, _session, done) => {
        const fault = port.fault('mail', { method: 'RCPT', path: address, body: '', namedMethod: true });
        done(refusalOf(fault));
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          this.take(Buffer.concat(chunks), stream.sizeExceeded, session).then(
            (answer) => {
              if (answer instanceof Error) done(answer);
              else if (answer !== null) done(null, answer);
            },
            (error: unknown) => done(refused(451, error instanceof Error ? error.message : 'The mail cannot be read')),
          );
        });
      },
    });
    this.server = server;
    server.server.on('connection', (socket: Socket) => {
      const from = socket.remotePort ?? 0;
      this.sockets.set(from, socket);
      socket.once('close', () => this.sockets.delete(from));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          sandboxError(
            error.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
            `The mailbox cannot listen on ${at}:${this.options.port ?? 0} (${error.code ?? error.message}).`,
            'Stop the program that uses the port, or choose another one.',
            error,
          ),
        ),
      );
      server.listen(this.options.port ?? 0, at, resolve);
    });
    // A client that vanishes is its own affair.
    server.on('error', (error: Error) => this.say(`the mail server: ${error.message}`));
    const bound = (server.server.address() as AddressInfo).port;
    return { host: at, port: bound, ...(user === undefined ? {} : { user, password }) };
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.sockets.values()) socket.destroy();
    await closed;
  }

  /** Keeps the mail: the answer's words, the refusal, or null when no answer is to come. */
  private async take(
    source: Buffer,
    isTooLarge: boolean,
    session: SMTPServerSession,
  ): Promise<string | Refusal | null> {
    if (isTooLarge) return refused(552, 'The mail is too large');
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) };
    const text = source.toString();
    const fault = this.port.fault('mail', { method: 'DATA', path: envelope.to.join(','), body: text });
    const refusal = refusalOf(fault);
    if (refusal) return refusal;
    if (fault?.kind === 'reset') return this.hangUp(session, 0);
    if (fault?.kind === 'slow') await wait(fault.ms ?? slowMs);
    this.port.input('mail', await readMail(source, envelope));
    if (fault?.kind === 'timeout-after-commit') return this.hangUp(session, fault.ms ?? holdMs);
    return `taken as ${this.mailbox.after(0).length}`;
  }

  private async hangUp(session: SMTPServerSession, afterMs: number): Promise<null> {
    await wait(afterMs);
    this.sockets.get(session.remotePort)?.destroy();
    return null;
  }
}

function refusalOf(fault: FaultSpec | null): Refusal | null {
  if (fault?.kind === '550') return refused(550, 'No such mailbox here');
  if (fault?.kind === '451') return refused(451, 'Try again later');
  return null;
}

function refused(responseCode: number, message: string): Refusal {
  return Object.assign(new Error(message), { responseCode });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
