import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, type WriteStream } from 'node:fs';
import path from 'node:path';
import { isFromService, type Order } from '../proof/orders';

/** The top of the checkout. */
const top = path.resolve(__dirname, '../../../..');

/** Settings of the surrounding shell that would change what a service does. */
const ours =
  /^(REDCAP_|AGILE_HEALTH_|TWILIO_|SMTP_|SENDERS|SENDING$|WEBHOOKS$|PUBLIC_BASE_URL$|MESSAGES_|FOLLOW_UP_|DOUBT_|TRIP_|REPLIES_|JOB_|OPERATOR_|DATABASE_URL|KAFKA_BROKERS|STUDY_|STUDIES|STUDYBRIDGE_|OPS_|GO_LIVE_AT|BINDINGS_FILE|PORT$|HOST$|NODE_ENV$|NODE_OPTIONS$|LOG_LEVEL$)/;

/** What a replica is started with. */
export interface ReplicaOptions {
  /** The service's name, which is its folder under apps/. */
  service: string;
  /** 1, 2, … */
  number: number;
  /** Of 127.0.0.1; the same after every restart. */
  port: number;
  env: Record<string, string>;
  /** Guards taken away, by the names of service-kit's `Proof`. */
  off: readonly string[];
  /** What it writes is kept here. */
  folder: string;
}

/** How a replica is at the moment. */
export type ReplicaState = 'down' | 'up' | 'frozen';

/**
 * One service process, started from the app's built main as production starts it, with the referee's file loaded before it so
 * that it can be stopped at a named point. It keeps its port over restarts.
 */
export class Replica {
  state: ReplicaState = 'down';
  /** How often it was started. */
  starts = 0;
  private child: ChildProcess | null = null;
  private output: WriteStream | null = null;
  private onReached: ((point: string) => void) | null = null;

  constructor(readonly o: ReplicaOptions) {}

  get name(): string {
    return `${this.o.service}-${this.o.number}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.o.port}`;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get logFile(): string {
    return path.join(this.o.folder, `${this.name}.log`);
  }

  /** Starts the process; it is up once it answers, which the caller finds out. */
  start(): void {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
    const preload = path.join(top, 'apps/referee/dist/proof/preload.js');
    const main = path.join(top, `apps/${this.o.service}/dist/main.js`);
    const child = spawn(process.execPath, ['-r', preload, main], {
      cwd: top,
      env: {
        ...inherited,
        ...this.o.env,
        PORT: String(this.o.port),
        STUDYBRIDGE_PROOF: this.o.off.join(','),
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.output ??= createWriteStream(this.logFile, { flags: 'a' });
    child.stdout?.pipe(this.output, { end: false });
    child.stderr?.pipe(this.output, { end: false });
    child.on('message', (message) => {
      if (this.child !== child || !isFromService(message)) return;
      // Nobody waits for it any longer: it goes on.
      if (this.onReached === null) this.tell({ order: 'go' });
      else this.onReached(message.reached);
    });
    child.once('exit', (code, signal) => {
      appendFileSync(this.logFile, `-- ended: ${signal ?? code}\n`);
      if (this.child !== child) return;
      this.child = null;
      this.state = 'down';
    });
    this.child = child;
    this.starts += 1;
    this.state = 'up';
  }

  /** Has it stop at a point the next time it comes there; `reached` is called then, and it stands still until {@link goOn}. */
  arm(point: string, reached: () => void): void {
    this.onReached = (at) => {
      if (at !== point) return this.tell({ order: 'go' });
      this.onReached = null;
      reached();
    };
    this.tell({ order: 'arm', point });
  }

  disarm(): void {
    this.onReached = null;
    this.tell({ order: 'disarm' });
    this.tell({ order: 'go' });
  }

  goOn(): void {
    this.tell({ order: 'go' });
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    this.onReached = null;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP: every thread stands still, its connections stay open. */
  freeze(): void {
    if (this.state !== 'up') return;
    this.child?.kill('SIGSTOP');
    this.state = 'frozen';
  }

  thaw(): void {
    if (this.state !== 'frozen') return;
    this.child?.kill('SIGCONT');
    this.state = 'up';
  }

  /** SIGTERM, as an operator stops a service; SIGKILL when it takes longer than 25 s. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child !== null) {
      this.thaw();
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
      await gone;
      clearTimeout(late);
    }
    this.output?.end();
    this.output = null;
  }

  private tell(order: Order): void {
    if (this.child?.connected === true) this.child.send(order, () => undefined);
  }
}
