import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Clock, Outside } from '@studybridge/contracts';
import type { AddProjectOptions, RedcapOptions } from '../redcap/redcap-options';
import type { ServerAction, ServerDoings } from '../redcap/server-hands';
import type { ServerView } from '../redcap/server-view';
import { XmlUnreadableError } from '../redcap/project-xml/parse-xml';
import { AgileStandIn } from '../agile/agile-stand-in';
import type { Cohort, Handset, TimelineAction } from '@studybridge/studies';
import { HandsetLedger, type HandsetView } from '../handset/handset-ledger';
import { MailServer, type MailOptions } from '../mail/mail-server';
import type { Mail } from '../mail/mailbox';
import type { Message } from '../twilio/message';
import { twilioOptions, type TwilioChoices, type TwilioOptions } from '../twilio/twilio-options';
import type { TwilioChange } from '../twilio/twilio-settings';
import { TwilioStandIn, type CreateNote, type TwilioView } from '../twilio/twilio-stand-in';
import type { FaultSpec } from './fault-spec';
import { Faults, isLeft, type FaultRequest, type FaultTarget, type ScriptedFault } from './faults';
import { LogLines, type LogLine } from './log-lines';
import { monotonicNow } from './monotonic-now';
import { currentRequest, type JournaledRequest } from './request-context';
import { sandboxError } from './sandbox-error';
import { StateFile } from './state-file';
import { Timers, type Timer } from './timers';
import { sandboxToken } from './tokens';
import type { OutwardPort, StandIn, WorldPort } from './world-port';
import { worldApp } from './world-app';

/** What the world asks of its REDCap. */
export interface RedcapInWorld extends StandIn, Partial<ServerView & ServerDoings> {
  addProject(
    xml: string,
    token?: string,
    options?: AddProjectOptions,
  ): { projectId: number; token: string; title: string };
  save(
    project: number | string,
    save: {
      record: string;
      event: string;
      instrument?: string;
      instance?: number;
      values: Record<string, string>;
      user: string;
    },
  ): unknown;
  deleteRecord(project: number | string, o: { record: string; user: string }): unknown;
  renameRecord(project: number | string, o: { record: string; to: string; user: string }): unknown;
}

/** What a world begins with and how its time runs. */
export interface WorldOptions {
  /** What REDCap holds at the start, and what staff and handsets do from then on. */
  cohort?: Cohort;
  /** Further projects, each from REDCap project XML; the token is derived from the XML when not given. */
  projects?: ({
    xml: string;
    token?: string;
    /** Named in errors, a file's name say. */
    name?: string;
    /** Made-up records to begin with, besides those in the XML; 0. */
    seedRecords?: number;
  } & AddProjectOptions)[];
  /** Choices of the REDCap server. */
  redcap?: RedcapOptions;
  /** Token of the cohort's project; default `sandboxToken(<study>)`. */
  cohortToken?: string;
  /** First instant of study time; default the cohort's, without a cohort the present. */
  startAt?: Date;
  /** Zone of REDCap's wall time; default the cohort's, else `America/Los_Angeles`. */
  serverZone?: string;
  /** Default: key `sandboxToken('agile-health')`, programme `ismile`. */
  agile?: { key: string; programs: string[] };
  /** What differs from the usual account; see `src/twilio/README.md`. */
  twilio?: TwilioChoices;
  /** Where mail is taken; default any free port of the world's own address, without AUTH. */
  mail?: MailOptions;
  /** Where the world is kept between runs; without it, it lives in memory. */
  stateFile?: string;
  /** Study seconds per real second from the moment it listens; default 0, time stands until it is advanced. */
  speed?: number;
  /** Every partner call takes this many milliseconds longer; default 0. */
  latencyMs?: number;
}

/** The outside world as a program: its partners, its clock and what people do in it. */
export interface World {
  /** Serves the partners and `/__sandbox/`; first takes in what a killed process left in its journal. */
  listen(port: number, host?: string): Promise<{ url: string; port: number }>;
  close(): Promise<void>;
  /** The world's time for rooms in the same process. */
  readonly clock: Clock;
  readonly tokens: { project: string; token: string }[];
  readonly agile: { key: string; programs: string[] };
  readonly twilio: TwilioOptions;
  /** Where the mail server listens; throws before the world does. */
  readonly mail: MailAddress;
  readonly now: Date;
  /** When anything in REDCap last changed. */
  readonly changedAt: Date;
  /** When a phone last sent a text to one of Twilio's numbers. */
  readonly textedAt: Date;
  readonly startAt: Date;
  /** The last instant of the cohort's timeline; null without a cohort. */
  readonly endAt: Date | null;
  /** Applies everything dated up to and including `date`; throws when `date` is in the past. */
  advanceTo(date: Date): void;
  /** The next instant at which something happens by itself; null when nothing will. */
  nextEventAt(): Date | null;
  /** Whether the cohort's timeline is over. */
  readonly ended: boolean;
  /** How many members the texting partner has. */
  readonly members: number;
  /** Lets time run on by itself, `speed` study seconds per real second. */
  run(speed: number): void;
  pause(): void;
  readonly speed: number;
  /** Does one thing now, as the timeline would. */
  act(action: TimelineStep): void;
  /** What an administrator or staff do on the REDCap server, in any project; answers what there is to know of it. */
  onRedcap(action: ServerAction): Record<string, unknown>;
  /** A phone sends a text now: its SID when `to` is one of Twilio's numbers, else null. */
  sendText(mobile: string, to: string, body: string): string | null;
  /** Changes how Twilio's stand-in behaves from now on. */
  changeTwilio(change: TwilioChange): void;
  twilioView(): TwilioView;
  /** Create requests at Twilio after the `after`th, in the order they came. */
  twilioCreates(after?: number): CreateNote[];
  /** Messages at Twilio after the `after`th, as they really are. */
  twilioMessages(after?: number): readonly Message[];
  /** What each phone really received and sent, by E.164. */
  handsets(): Record<string, HandsetView>;
  /** Mail after the `after`th, oldest first. */
  mailbox(after?: number): readonly Mail[];
  /** Waits until no webhook is on its way; how many were answered since it was last asked. */
  callbacksSettled(): Promise<number>;
  addFault(target: FaultTarget, fault: FaultSpec): ScriptedFault;
  clearFaults(id?: number): void;
  faults(): readonly ScriptedFault[];
  /** Back to the start instant, everything as it was then. */
  reset(): void;
  /** All of the world's state as plain JSON, for comparing two runs. */
  snapshot(): Record<string, unknown>;
  /** Back to a state that `snapshot` gave. Throws, and leaves all as it is, when it is none of this world. */
  restore(snapshot: Record<string, unknown>): void;
  log(count: number): LogLine[];
}

/** A timeline action without its instant: done now. */
export type TimelineStep = TimelineAction extends infer A ? (A extends { at: string } ? Omit<A, 'at'> : never) : never;

/** Where the mail server is; with a user, AUTH is asked for. */
export interface MailAddress {
  host: string;
  port: number;
  user?: string;
  password?: string;
}

/** What changes the world, as the journal keeps it. */
type Input = (
  | { advance: string }
  | { act: TimelineStep }
  | { fault: FaultSpec; target: FaultTarget }
  | { faultUsed: number }
  | { faultsCleared: number | null }
  | { reset: true }
  | { redcap: ServerAction }
  | { named: string; data: unknown }
  | { request: JournaledRequest }
) & { /** Real time; see `OutwardPort.realNow`. */ realAt?: number };

/** Makes a world with the given REDCap; see `createWorld`. */
export class SandboxWorld implements World {
  readonly clock: Clock = {
    now: () => this.now,
    refresh: () => Promise.resolve(),
    outsideChangedAt: (where: Outside = 'redcap') => (where === 'texts' ? this.textedAt : this.changedAt),
  };
  readonly tokens: { project: string; token: string }[] = [];
  readonly agile: { key: string; programs: string[] };
  readonly startAt: Date;
  readonly endAt: Date | null;
  readonly redcapStandIn: RedcapInWorld;
  readonly agileStandIn: AgileStandIn;
  readonly twilio: TwilioOptions;
  readonly twilioStandIn: TwilioStandIn;
  readonly mailServer: MailServer;
  readonly ledger = new HandsetLedger();
  private readonly cohortLines: Map<string, Handset['line']>;

  private nowMs: number;
  private changedAtMs: number;
  private textedAtMs: number;
  private position = 0;
  private readonly timers = new Timers();
  private readonly timerHandlers = new Map<string, (data: unknown) => void>();
  private readonly inputHandlers = new Map<string, (data: unknown) => void>();
  private readonly faultList = new Faults();
  private readonly lines = new LogLines();
  private readonly timeline: readonly TimelineAction[];
  private readonly cohortProject: number | null = null;
  private readonly file: StateFile | null;
  private readonly identity: string;
  /** What happened after the state file was written; applied before the world listens. */
  private pending: Input[] = [];
  private replayed: JournaledRequest | null = null;
  private replaying = false;
  /** Above 0 while an input that is already in the journal is being applied. */
  private applying = 0;
  private saveAsked = false;
  /** When the input that is being applied came; real time. */
  private inputRealAt: number | null = null;
  private mailAddress: MailAddress | null = null;
  /** The state at the start, packed: with many records it is large, and rarely asked for. */
  private readonly initial: Buffer;
  private server: Server | null = null;
  private ticking: { timer: NodeJS.Timeout; speed: number } | null = null;

  constructor(
    readonly options: WorldOptions,
    makeRedcap: (port: WorldPort) => RedcapInWorld,
  ) {
    const { cohort } = options;
    this.file = options.stateFile === undefined ? null : new StateFile(options.stateFile);
    const kept = this.file?.load();
    this.startAt =
      options.startAt ?? instant(cohort?.startAt ?? keptStart(kept?.state) ?? new Date().toISOString(), 'startAt');
    this.endAt = cohort ? instant(cohort.endAt, 'endAt') : null;
    this.nowMs = this.startAt.getTime();
    this.changedAtMs = this.nowMs;
    this.textedAtMs = this.nowMs;
    this.timeline = sortedTimeline(cohort);
    this.agile = options.agile ?? { key: sandboxToken('agile-health'), programs: ['ismile'] };

    const port: WorldPort = {
      now: () => this.now,
      serverZone: options.serverZone ?? cohort?.serverZone ?? 'America/Los_Angeles',
      changed: () => {
        this.changedAtMs = this.nowMs;
        this.noteChange();
      },
      schedule: (at, name, data) => this.timers.add({ at: at.toISOString(), name, data }),
      onTimer: (name, fn) => this.timerHandlers.set(name, fn),
      fault: (target, request) => this.meet(target, request),
    };
    this.applying += 1;
    this.redcapStandIn = makeRedcap(port);
    // Only REDCap's poll goes by the last change, and what happens at the partner does not concern it.
    const partnerPort: WorldPort = { ...port, changed: () => this.noteChange() };
    this.agileStandIn = new AgileStandIn(partnerPort, {
      ...this.agile,
      handsets: cohort?.handsets ?? [],
      log: (line) => this.say(line),
    });
    const world = this as SandboxWorld;
    const outwardPort: OutwardPort = {
      ...partnerPort,
      realNow: () => world.inputRealAt ?? currentRequest.getStore()?.realAt ?? monotonicNow(),
      get replaying() {
        return world.replaying;
      },
      input: (name, data) => this.input({ named: name, data }, () => this.inputHandlers.get(name)?.(data)),
      onInput: (name, fn) => this.inputHandlers.set(name, fn),
      texted: () => void (this.textedAtMs = this.nowMs),
    };
    this.cohortLines = new Map((cohort?.handsets ?? []).map(({ mobile, line }) => [mobile, line]));
    const phones = { ledger: this.ledger, lineOf: (mobile: string) => this.cohortLines.get(mobile) ?? null };
    this.twilio = twilioOptions(options.twilio);
    this.twilioStandIn = new TwilioStandIn(outwardPort, this.twilio, phones, (line) => this.say(line));
    this.mailServer = new MailServer(outwardPort, options.mail ?? {}, (line) => this.say(line));
    if (cohort) {
      this.cohortProject = this.addProject(
        cohort.projectXml,
        options.cohortToken ?? sandboxToken(cohort.study),
        `of the cohort ${cohort.id}`,
      );
    }
    for (const { xml, token, name, seedRecords, ...choices } of options.projects ?? []) {
      const id = this.addProject(xml, token ?? sandboxToken(xml), name ?? 'that was given', choices);
      if (seedRecords) this.redcapStandIn.act?.({ do: 'seed', project: id, records: seedRecords });
    }
    this.applying -= 1;
    this.initial = deflateRawSync(JSON.stringify(this.state()), { level: 1 });

    this.identity = createHash('sha256')
      .update(JSON.stringify([cohort ?? null, (options.projects ?? []).map(identityOf), this.agile.programs]))
      .digest('hex');
    if (kept) {
      if (kept.state['identity'] !== this.identity) {
        throw sandboxError(
          'SANDBOX_STATE_FOREIGN',
          `The sandbox's state file ${options.stateFile} belongs to another cohort or other projects.`,
          'Remove it to start anew, or name another file.',
        );
      }
      this.takeOver(kept.state as unknown as WorldState);
      this.pending = kept.since as Input[];
    }
    if (this.pending.length === 0) this.save();
  }

  private addProject(xml: string, token: string, name: string, choices?: AddProjectOptions): number {
    if (this.tokens.some((other) => other.token === token)) {
      throw sandboxError(
        'TOKEN_TWICE',
        `The project ${name} has the token of another one.`,
        'Give every project its own token, and every project once.',
      );
    }
    try {
      const added = this.redcapStandIn.addProject(xml, token, choices);
      this.tokens.push({ project: added.title, token: added.token });
      return added.projectId;
    } catch (error) {
      if (!(error instanceof XmlUnreadableError)) throw error;
      throw sandboxError(
        'PROJECT_XML_UNREADABLE',
        `The project XML ${name} cannot be read: ${error.message}`,
        'Export it again in REDCap: Project Setup, Other Functionality, Download metadata & data as REDCap XML.',
        error,
      );
    }
  }

  get now(): Date {
    return new Date(this.nowMs);
  }

  get changedAt(): Date {
    return new Date(this.changedAtMs);
  }

  get textedAt(): Date {
    return new Date(this.textedAtMs);
  }

  get ended(): boolean {
    return this.endAt === null ? this.nextEventAt() === null : this.nowMs >= this.endAt.getTime();
  }

  get members(): number {
    return this.agileStandIn.count;
  }

  get speed(): number {
    return this.ticking?.speed ?? 0;
  }

  nextEventAt(): Date | null {
    const end = this.endAt?.getTime() ?? -Infinity;
    const next = Math.min(this.timelineNextMs(), this.timers.nextMs(), end > this.nowMs ? end : Infinity);
    return next === Infinity ? null : new Date(next);
  }

  advanceTo(date: Date): void {
    const to = date.getTime();
    if (!(to >= this.nowMs)) {
      throw sandboxError(
        'TIME_RUNS_FORWARD',
        `The world is at ${this.now.toISOString()} and cannot go back to ${Number.isNaN(to) ? 'no instant at all' : date.toISOString()}.`,
        'Advance to a later instant, or reset the world.',
      );
    }
    this.input({ advance: date.toISOString() }, () => this.advance(to));
    if (this.file?.isLong && !this.replaying) this.save();
  }

  act(action: TimelineStep): void {
    this.input({ act: action }, () => this.perform(action));
  }

  onRedcap(action: ServerAction): Record<string, unknown> {
    return this.input({ redcap: action }, () => {
      const done = this.redcapStandIn.act?.(action) ?? {};
      this.say(`REDCap: ${action.do}`);
      return done;
    });
  }

  sendText(mobile: string, to: string, body: string): string | null {
    const action = { do: 'text', mobile, to, body } as const;
    return this.input({ act: action }, () => this.text(action));
  }

  changeTwilio(change: TwilioChange): void {
    this.twilioStandIn.changeSettings(change);
  }

  twilioView(): TwilioView {
    return this.twilioStandIn.view();
  }

  twilioCreates(after = 0): CreateNote[] {
    return this.twilioStandIn.createsAfter(after);
  }

  twilioMessages(after = 0): readonly Message[] {
    return this.twilioStandIn.messagesAfter(after);
  }

  handsets(): Record<string, HandsetView> {
    const silent = [...this.cohortLines.keys()].map((mobile) => [mobile, this.ledger.of(mobile)] as const);
    const all = new Map([...silent, ...this.ledger.all()]);
    const views = [...all].map(([mobile, texts]) => [mobile, { line: this.twilioStandIn.lineOf(mobile), ...texts }]);
    return Object.fromEntries(views) as Record<string, HandsetView>;
  }

  /** One phone, whether or not it was ever heard of. */
  handset(mobile: string): HandsetView {
    return { line: this.twilioStandIn.lineOf(mobile), ...this.ledger.of(mobile) };
  }

  mailbox(after = 0): readonly Mail[] {
    return this.mailServer.mailbox.after(after);
  }

  get mail(): MailAddress {
    if (this.mailAddress) return this.mailAddress;
    throw sandboxError('NOT_LISTENING', 'The mail server does not listen yet.', 'Call listen() first.');
  }

  callbacksSettled(): Promise<number> {
    return this.twilioStandIn.settled();
  }

  addFault(target: FaultTarget, fault: FaultSpec): ScriptedFault {
    return this.input({ target, fault }, () => this.faultList.add(target, fault));
  }

  clearFaults(id?: number): void {
    this.input({ faultsCleared: id ?? null }, () => this.faultList.clear(id));
  }

  faults(): readonly ScriptedFault[] {
    return this.faultList.all();
  }

  reset(): void {
    this.input({ reset: true }, () => this.takeOver(JSON.parse(inflateRawSync(this.initial).toString()) as WorldState));
    this.say('the world was reset');
  }

  run(speed: number): void {
    if (!(speed > 0)) throw sandboxError('SPEED_UNUSABLE', 'The speed is no positive number.', 'Give a speed above 0.');
    this.pause();
    let last = Date.now();
    let owedMs = 0;
    const tick = () => {
      owedMs += (Date.now() - last) * speed;
      last = Date.now();
      const wholeMs = Math.floor(owedMs / 1000) * 1000;
      if (wholeMs === 0) return;
      owedMs -= wholeMs;
      try {
        this.advanceTo(new Date(this.nowMs + wholeMs));
      } catch (error) {
        this.pause();
        this.say(`time stands still: ${error instanceof Error ? error.message : 'an action could not be done'}`);
      }
    };
    this.ticking = { speed, timer: setInterval(tick, 200) };
  }

  pause(): void {
    if (this.ticking) clearInterval(this.ticking.timer);
    this.ticking = null;
  }

  snapshot(): Record<string, unknown> {
    return JSON.parse(JSON.stringify(this.state())) as WorldState;
  }

  restore(snapshot: Record<string, unknown>): void {
    const before = JSON.stringify(this.state());
    try {
      this.takeOver(JSON.parse(JSON.stringify(snapshot)) as WorldState);
      JSON.stringify(this.state());
    } catch (error) {
      this.takeOver(JSON.parse(before) as WorldState);
      throw sandboxError(
        'SNAPSHOT_UNREADABLE',
        'This is no snapshot of a world.',
        'Give what GET /__sandbox/snapshot answered.',
        error,
      );
    }
    this.say('the world was put back to a snapshot');
    if (this.pending.length === 0) this.save();
  }

  log(count: number): LogLine[] {
    return this.lines.last(count);
  }

  say(line: string): void {
    this.lines.add(this.now, line);
  }

  async listen(port: number, host = '127.0.0.1'): Promise<{ url: string; port: number }> {
    const app = worldApp(this, () => this.replayed);
    if (this.pending.length > 0) await this.replay(app);
    const server = createServer(app);
    // Longer than clients rest between two calls: a kept connection that closes under a call looks like a partner's reset.
    server.keepAliveTimeout = 120_000;
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'EADDRINUSE'
            ? sandboxError(
                'PORT_IN_USE',
                `Port ${port} on ${host} is in use.`,
                'Stop the program that uses it, or choose another port.',
                error,
              )
            : sandboxError(
                'CANNOT_LISTEN',
                `The sandbox cannot listen on ${host}:${port} (${error.code ?? error.message}).`,
                'Choose an address and port that this user may listen on.',
                error,
              ),
        );
      });
      server.listen(port, host, resolve);
    });
    const bound = (server.address() as AddressInfo).port;
    try {
      this.mailAddress = await this.mailServer.listen(host);
    } catch (error) {
      await this.close();
      throw error;
    }
    if (this.options.speed) this.run(this.options.speed);
    const shown = host.includes(':') ? `[${host}]` : host;
    return { url: `http://${shown}:${bound}`, port: bound };
  }

  async close(): Promise<void> {
    this.pause();
    const { server } = this;
    this.server = null;
    await this.mailServer.close();
    await this.twilioStandIn.stop();
    if (server) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    }
    if (this.pending.length === 0) this.save();
    this.file?.closeJournal();
  }

  // ---- what happens by itself

  private timelineNextMs(): number {
    const next = this.timeline[this.position];
    return next ? Date.parse(next.at) : Infinity;
  }

  private advance(to: number): void {
    for (;;) {
      const acted = this.timelineNextMs();
      const due = this.timers.nextMs();
      if (Math.min(acted, due) > to) break;
      this.nowMs = Math.max(this.nowMs, Math.min(acted, due));
      if (acted <= due) {
        const action = this.timeline[this.position]!;
        this.perform(action);
        this.position += 1;
      } else {
        const timer = this.timers.take()!;
        this.timerHandlers.get(timer.name)?.(timer.data);
      }
    }
    this.nowMs = to;
  }

  private perform(action: TimelineStep): void {
    switch (action.do) {
      case 'save':
        this.redcapStandIn.save(this.theProject(), action);
        return this.say(`${action.user} saved record ${action.record} (${action.event})`);
      case 'delete-record':
        this.redcapStandIn.deleteRecord(this.theProject(), action);
        return this.say(`${action.user} deleted record ${action.record}`);
      case 'rename-record':
        this.redcapStandIn.renameRecord(this.theProject(), action);
        return this.say(`${action.user} renamed record ${action.record} to ${action.to}`);
      case 'text':
        return void this.text(action);
      case 'fault':
        this.faultList.add(action.target, action.fault);
        return this.say(`a fault lies in wait at ${action.target}: ${action.fault.kind}`);
      case 'partner':
        return this.agileStandIn.forceStatus(action.mobile, action.status);
    }
  }

  /** A text to the partner, or to one of Twilio's numbers: then its SID. */
  private text({ mobile, to, body }: { mobile: string; to?: string; body: string }): string | null {
    if (to !== undefined) return this.twilioStandIn.receive(mobile, to, body);
    const realAt = this.inputRealAt ?? monotonicNow();
    this.ledger.sent(mobile, { to: 'Agile Health', body, at: this.now.toISOString(), realAt, sid: null });
    this.agileStandIn.receiveText(mobile, body);
    return null;
  }

  private theProject(): number {
    if (this.cohortProject !== null) return this.cohortProject;
    throw sandboxError(
      'NO_COHORT',
      'This world has no cohort whose project an action could change.',
      'Start the sandbox with a cohort.',
    );
  }

  private meet(target: FaultTarget, request: FaultRequest): FaultSpec | null {
    const context = currentRequest.getStore();
    if (context?.replayed) return context.replayed.faults[0] ?? null;
    const scripted = this.faultList.find(target, request);
    if (!scripted) return null;
    this.input({ faultUsed: scripted.id }, () => this.faultList.use(scripted.id));
    context?.faults.push(scripted.fault);
    this.say(
      `${target} met a fault: ${scripted.fault.kind}${isLeft(scripted) ? '' : ', its last time'} (${request.method} ${request.path})`,
    );
    return scripted.fault;
  }

  // ---- how it is kept

  private noteChange(): void {
    if (this.applying > 0 || this.replaying || !this.file) return;
    const context = currentRequest.getStore();
    if (!context) {
      // Changed by hand from within the process: no input to write down, so the whole state is.
      if (!this.saveAsked) {
        this.saveAsked = true;
        queueMicrotask(() => {
          this.saveAsked = false;
          this.save();
        });
      }
      return;
    }
    if (context.journaled) return;
    context.journaled = true;
    this.file.append({ request: context.toJournal() } satisfies Input);
  }

  private input<T>(entry: Input, apply: () => T): T {
    if (this.pending.length > 0 && !this.replaying) {
      throw sandboxError(
        'WORLD_NOT_READY',
        'The world has not yet taken in what happened before it was stopped.',
        'Call listen() first.',
      );
    }
    const isOutermost = this.applying === 0 && !this.replaying;
    if (isOutermost) {
      this.inputRealAt = monotonicNow();
      this.file?.append({ ...entry, realAt: this.inputRealAt });
    }
    this.applying += 1;
    try {
      return apply();
    } finally {
      this.applying -= 1;
      if (isOutermost) this.inputRealAt = null;
    }
  }

  private save(): void {
    this.file?.save({ identity: this.identity, ...this.state() });
  }

  private state(): WorldState {
    return {
      startAt: this.startAt.toISOString(),
      now: this.now.toISOString(),
      changedAt: this.changedAt.toISOString(),
      textedAt: this.textedAt.toISOString(),
      timeline: { cohort: this.options.cohort?.id ?? null, position: this.position, of: this.timeline.length },
      timers: this.timers.snapshot(),
      faults: this.faultList.snapshot(),
      redcap: this.redcapStandIn.snapshot(),
      agile: this.agileStandIn.snapshot(),
      twilio: this.twilioStandIn.snapshot(),
      mail: this.mailServer.mailbox.snapshot(),
      handsets: this.ledger.snapshot(),
    };
  }

  private takeOver(state: WorldState): void {
    this.nowMs = Date.parse(state.now);
    this.changedAtMs = Date.parse(state.changedAt);
    this.textedAtMs = Date.parse(state.textedAt ?? state.now);
    this.position = state.timeline.position;
    this.timers.restore(state.timers);
    this.faultList.restore(state.faults);
    this.redcapStandIn.restore(state.redcap);
    this.agileStandIn.restore(state.agile);
    // A state from before there were these has none of them.
    if (state.twilio !== undefined) this.twilioStandIn.restore(state.twilio);
    this.mailServer.mailbox.restore(state.mail ?? []);
    this.ledger.restore(state.handsets);
  }

  /** Does again what the journal says was done since the state was written, in the same order. */
  private async replay(app: ReturnType<typeof worldApp>): Promise<void> {
    this.replaying = true;
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const input of this.pending) await this.redo(input, base);
    } finally {
      this.replayed = null;
      this.inputRealAt = null;
      this.replaying = false;
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
    this.say(`took in ${this.pending.length} inputs from the journal`);
    this.pending = [];
    this.save();
  }

  private async redo(input: Input, base: string): Promise<void> {
    this.inputRealAt = 'request' in input ? null : (input.realAt ?? null);
    if ('advance' in input) attempt(() => this.advanceTo(new Date(input.advance)));
    else if ('act' in input) attempt(() => this.act(input.act));
    else if ('fault' in input) this.addFault(input.target, input.fault);
    else if ('faultUsed' in input) this.faultList.use(input.faultUsed);
    else if ('faultsCleared' in input) this.clearFaults(input.faultsCleared ?? undefined);
    else if ('reset' in input) this.reset();
    else if ('redcap' in input) attempt(() => void this.onRedcap(input.redcap));
    else if ('named' in input) attempt(() => this.inputHandlers.get(input.named)?.(input.data));
    else {
      const { method, url, headers, body, encoding } = input.request;
      const bytes = method === 'GET' ? undefined : Buffer.from(body, encoding);
      this.replayed = input.request;
      const answer = await fetch(`${base}${url}`, { method, headers, body: bytes });
      await answer.arrayBuffer();
    }
  }
}

interface WorldState extends Record<string, unknown> {
  startAt: string;
  now: string;
  changedAt: string;
  textedAt?: string;
  timeline: { cohort: string | null; position: number; of: number };
  timers: Timer[];
  faults: { nextId: number; list: ScriptedFault[] };
  redcap: unknown;
  agile: unknown;
  twilio?: unknown;
  mail?: Mail[];
  handsets?: unknown;
}

/** An action that was refused when it was first tried is refused again; the one who asked was told then. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // told then
  }
}

/** What makes a project of the start another one: its XML, and the choices made for it where there are any. */
function identityOf({ xml, token: _token, name: _name, ...choices }: NonNullable<WorldOptions['projects']>[number]) {
  return Object.values(choices).some((choice) => choice !== undefined) ? [xml, choices] : xml;
}

/** The present is no start to come back to: a world without a cohort began when its state says. */
function keptStart(state: Record<string, unknown> | undefined): string | undefined {
  const startAt = state?.['startAt'];
  return typeof startAt === 'string' ? startAt : undefined;
}

function instant(iso: string, what: string): Date {
  const date = new Date(iso);
  if (!Number.isNaN(date.getTime())) return date;
  throw sandboxError('COHORT_UNREADABLE', `The cohort's ${what} is no instant.`, 'Give an ISO instant in UTC.');
}

/** By instant; actions of the same instant keep their order. */
function sortedTimeline(cohort: Cohort | undefined): readonly TimelineAction[] {
  const dated = (cohort?.timeline ?? []).map((action) => ({ action, ms: instant(action.at, 'timeline').getTime() }));
  return dated.sort((a, b) => a.ms - b.ms).map(({ action }) => action);
}
