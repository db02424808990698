import { createHmac, randomBytes } from 'node:crypto';
import type { Request, Response, Router } from 'express';
import type { FaultSpec } from '../world/fault-spec';
import type { StandIn, WorldPort } from '../world/world-port';
import { ApiError, contentTypes, errorBody } from './api-error';
import type { Answer } from './http/answer';
import { BanList } from './http/ban-list';
import { runMethod } from './http/methods';
import { BodyRoom } from './http/read-body';
import { readRequest, RequestRefused } from './http/read-request';
import { meetFaultBefore, sendAnswer } from './http/send-answer';
import { applyWish, emptyDesign, readWish } from './create-project';
import { text } from './http/answer';
import { mostElements, outOfMemory } from './data-size';
import { messages } from './messages';
import type { Design, LogEntry, Randomization, Rights, User } from './model';
import { Params } from './params';
import { allRights, newUser, Project, projectFromJson, projectToJson, type ProjectJson } from './project';
import { loadData } from './project-xml/load-data';
import { loadDesign, type ChoiceSpacing } from './project-xml/load-design';
import { loadRoles } from './project-xml/load-groups';
import { child, parseXml, XmlTooLargeError, XmlUnreadableError, type XmlNode } from './project-xml/parse-xml';
import { seedRecords } from './seed/seed-records';
import { firstIds, type ServerIds } from './server-ids';
import { parseStructure } from './structure/parse-structure';
import type { AddProjectOptions, Calcs, RedcapOptions } from './redcap-options';
import { deleteRecords } from './records/delete-records';
import { recalculate } from './records/recalculate';
import { renameRecord } from './records/rename-record';
import { saveRecord, StaffActionError, type StaffSave } from './records/save-record';
import { actWith, type ServerAction, type ServerDoings } from './server-hands';
import { serverTime } from './server-time';
import { glanceAt, newestLines, rowsOf, type ProjectGlance, type RowGlance, type ServerView } from './server-view';
import { answerSurvey, respondent, type SurveyAnswer } from './surveys/answer-survey';
import { mountSurveys } from './surveys/survey-routes';

interface TokenHolder {
  project: Project;
  username: string;
}

interface RedcapJson {
  nextIds: ServerIds;
  projects: ProjectJson[];
  tokens: [token: string, projectId: number, username: string][];
  skewMs: number;
}

/** Where the API answers: a server may stand in a folder of its site, as it does by default, or at its top. */
const apiPaths = ['/redcap/api/', '/api/'];
const notFoundPage =
  '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n';
const bannedPage =
  '<html><body>Your IP address was banned because it made too many requests to this server.</body></html>\n';
const newToken = (): string => randomBytes(16).toString('hex').toUpperCase();
/** Rights that a project's creator lacked on servers that were seen (§2.3, §2.14). */
const withheld = {
  record_delete: 0,
  record_rename: 0,
  lock_records: 0,
  lock_records_all_forms: 0,
  lock_records_customization: 0,
};

/** A REDCap server in memory: projects from their XML, the HTTP API over them, and the hands of staff in the browser. */
export class RedcapStandIn implements StandIn, ServerView, ServerDoings {
  private readonly projects = new Map<number, Project>();
  private readonly tokens = new Map<string, TokenHolder>();
  private readonly version: string;
  private readonly bodyLimit: number;
  private nextIds: ServerIds = { ...firstIds };
  private readonly bans: BanList;
  private readonly room: BodyRoom;
  /** How far the server's clock is off, in milliseconds: set by a scripted fault, kept until a call meets none. */
  private skewMs = 0;

  constructor(
    private readonly port: WorldPort,
    private readonly options: RedcapOptions = {},
  ) {
    this.bans = new BanList(options.rateLimit ?? 0);
    this.version = options.version ?? '15.2.1';
    this.bodyLimit = options.bodyLimit ?? 64 * 1024 * 1024;
    this.room = new BodyRoom(4 * this.bodyLimit);
  }

  /**
   * Adds a project from its XML, data included, with one user who has every right. Throws `XmlUnreadableError` when the
   * text is no REDCap project.
   */
  addProject(
    xml: string,
    token?: string,
    options: AddProjectOptions = {},
  ): { projectId: number; token: string; title: string } {
    const odm = parseXml(xml);
    const username = options.username ?? 'api_user';
    const design = this.loadDesign(odm, options.choiceSpacing);
    const project = this.openProject(
      design,
      username,
      'Create project (REDCap project XML file)',
      odm,
      options.calcs ?? 'keep',
    );
    const given = this.addToken(project.id, username, token);
    this.port.changed();
    return { projectId: project.id, token: given, title: design.settings.title };
  }

  /** Fills a project with made-up records that fit its own dictionary: `count` new ones, the same every time. */
  seedRecords(project: string | number, count: number): void {
    const target = this.project(project);
    seedRecords(target, count, this.now());
    this.port.changed();
  }

  /** Says how a project randomises: target, strata, and given results per stratum where there are any. */
  setRandomization(project: string | number, o: Omit<Randomization, 'id'>): { randomizationId: number } {
    const target = this.project(project);
    const id = this.nextIds.randomization++;
    target.design.randomization = { ...structuredClone(o), id };
    target.design.settings.randomizationEnabled = true;
    this.port.changed();
    return { randomizationId: id };
  }

  /** Every token with its project and user, for whoever shows them. */
  tokenList(): { token: string; projectId: number; title: string; username: string }[] {
    return [...this.tokens].map(([token, { project, username }]) => ({
      token,
      projectId: project.id,
      title: project.design.settings.title,
      username,
    }));
  }

  /** Gives a user of a project a token, and makes the user (all rights) where there is none of that name. */
  addToken(idOrToken: string | number, username: string, token: string = newToken()): string {
    const project = this.project(idOrToken);
    if (!project.users.has(username)) {
      project.users.set(username, newUser(username, allRights(project.design.forms)));
    }
    this.tokens.set(token.toUpperCase(), { project, username });
    this.port.changed();
    return token;
  }

  /** Takes a token away; the next call with it is refused. */
  revokeToken(token: string): void {
    this.tokens.delete(token.toUpperCase());
    this.port.changed();
  }

  /** Says between which groups (unique names) the holder of a token may switch; `''` among them means none. */
  setSwitchableDags(token: string, dags: string[]): void {
    const holder = this.tokens.get(token.toUpperCase());
    if (holder === undefined) throw new StaffActionError('No such token.');
    holder.project.users.get(holder.username)!.dags = [...dags];
    this.port.changed();
  }

  /** Changes what the holder of a token may do, and the group (unique name) the holder is bound to. */
  setRights(token: string, rights: Partial<Rights>, dag?: string): void {
    const holder = this.tokens.get(token.toUpperCase());
    if (holder === undefined) throw new StaffActionError('No such token.');
    const user = holder.project.users.get(holder.username)!;
    user.rights = { ...user.rights, ...rights };
    if (dag !== undefined) user.dag = dag;
    this.port.changed();
  }

  /** Moves a project to production, or back to development. */
  setProduction(project: string | number, inProduction: boolean): void {
    const { settings } = this.project(project).design;
    settings.inProduction = inProduction;
    settings.productionTime = inProduction ? this.now() : '';
    this.port.changed();
  }

  /** Locks or unlocks a whole record, as staff do in the browser. */
  lockRecord(project: string | number, o: { record: string; locked: boolean; user: string }): void {
    const target = this.project(project);
    const record = target.data.get(o.record);
    if (record === undefined) throw new StaffActionError('There is no such record to lock.');
    record.locked = o.locked;
    const details = `Action: ${o.locked ? 'Lock' : 'Unlock'} record, Record: ${o.record}`;
    target.write(this.now(), o.user, `Lock/Unlock Record ${o.record}`, details, o.record);
    this.port.changed();
  }

  /** A person saves a form in the browser. Throws `StaffActionError` when that cannot have happened. */
  save(project: string | number, save: StaffSave): void {
    // Who saves as a participant answers a survey, the whole of it unless the form's status says otherwise.
    if (save.user === respondent && save.instrument !== undefined) {
      const complete = save.values[`${save.instrument}_complete`] !== '0';
      this.answerSurvey(project, { ...save, instrument: save.instrument, complete });
    } else if (saveRecord(this.project(project), save, this.now())) this.port.changed();
  }

  /** A participant answers a survey. Throws `StaffActionError` when that cannot have happened. */
  answerSurvey(project: string | number, answer: SurveyAnswer): void {
    if (answerSurvey(this.project(project), answer, this.now())) this.port.changed();
  }

  act(action: ServerAction): Record<string, unknown> {
    return actWith(this, action);
  }

  /** Forgets which addresses were banned. */
  liftBans(): void {
    this.bans.lift();
  }

  glance(): ProjectGlance[] {
    const tokens = new Map<Project, ProjectGlance['tokens']>();
    for (const [token, { project, username }] of this.tokens) {
      tokens.set(project, [...(tokens.get(project) ?? []), { token, username }]);
    }
    return [...this.projects.values()].map((project) => glanceAt(project, tokens.get(project) ?? []));
  }

  recordIds(projectId: number, from: number, count: number): string[] {
    const records = this.projects.get(projectId)?.data.sorted() ?? [];
    return records.slice(from, from + count).map(({ id }) => id);
  }

  recordRows(projectId: number, record: string): RowGlance[] | null {
    const project = this.projects.get(projectId);
    return project === undefined ? null : rowsOf(project, record);
  }

  logLines(projectId: number, count: number, record?: string): LogEntry[] {
    return newestLines(this.projects.get(projectId)?.log ?? [], count, record);
  }

  /** A person deletes a record in the browser. Throws `StaffActionError` when there is none. */
  deleteRecord(project: string | number, o: { record: string; user: string }): void {
    const target = this.project(project);
    const request = { records: [o.record], arm: null, instrument: '', event: '', instance: null, wipeLog: false };
    this.staff(() => deleteRecords(target, request, this.now(), this.staffUser(target, o.user), ''));
  }

  /** A person renames a record in the browser. Throws `StaffActionError` when there is none, or the name is taken. */
  renameRecord(project: string | number, o: { record: string; to: string; user: string }): void {
    const target = this.project(project);
    const request = { record: o.record, name: o.to, arm: null };
    this.staff(() => renameRecord(target, request, this.now(), this.staffUser(target, o.user), ''));
  }

  mount(router: Router): void {
    router.all(apiPaths, (request, response, next) => {
      this.handle(request, response).catch(next);
    });
    mountSurveys(router, {
      projects: () => this.projects.values(),
      now: () => this.now(),
      changed: () => this.port.changed(),
      docId: () => this.nextIds.doc++,
    });
    // Any other path is the web server's to answer, not REDCap's (§1.3).
    router.use(['/redcap', '/api', '/surveys'], (_, response) => {
      response.status(404).type('html').send(notFoundPage);
    });
  }

  snapshot(): unknown {
    const json: RedcapJson = {
      nextIds: { ...this.nextIds },
      projects: [...this.projects.values()].map(projectToJson),
      tokens: [...this.tokens].map(([token, holder]) => [token, holder.project.id, holder.username]),
      skewMs: this.skewMs,
    };
    return json;
  }

  restore(snapshot: unknown): void {
    const json = snapshot as RedcapJson;
    this.nextIds = { ...json.nextIds };
    this.skewMs = json.skewMs;
    this.bans.lift();
    this.projects.clear();
    this.tokens.clear();
    for (const project of json.projects) this.projects.set(project.id, projectFromJson(project));
    for (const [token, projectId, username] of json.tokens) {
      this.tokens.set(token, { project: this.project(projectId), username });
    }
  }

  private now(): string {
    return serverTime(new Date(this.port.now().getTime() + this.skewMs), this.port.serverZone);
  }

  /** A project by id or by one of its tokens. */
  private project(idOrToken: string | number): Project {
    const project =
      typeof idOrToken === 'number' ? this.projects.get(idOrToken) : this.tokens.get(idOrToken.toUpperCase())?.project;
    if (project === undefined) throw new StaffActionError('There is no such project.');
    return project;
  }

  private staffUser(project: Project, username: string): User {
    return project.users.get(username) ?? newUser(username, allRights(project.design.forms));
  }

  private staff(act: () => unknown): void {
    try {
      act();
    } catch (error) {
      if (error instanceof ApiError) throw new StaffActionError(error.message);
      throw error;
    }
    this.port.changed();
  }

  private async handle(request: Request, response: Response): Promise<void> {
    let params = new Params();
    let answer: Answer;
    let fault: FaultSpec | null = null;
    try {
      if (this.bans.refuses(request.ip ?? '')) {
        response.status(403).type('html').send(bannedPage);
        return;
      }
      const read = await readRequest(request, { limit: this.bodyLimit, room: this.room });
      params = read.params;
      fault = this.port.fault('redcap', {
        method: request.method,
        path: request.originalUrl,
        content: params.get('content'),
        action: params.get('action') || (params.sent('data') ? 'import' : 'export'),
        // Made when it is looked at: few faults ask for it, and it may be large.
        get body() {
          return read.body.toString('utf8');
        },
      });
      if (fault === null) this.skewMs = 0;
      else if (fault.kind === 'clock-skew') this.skewMs = fault.ms ?? 0;
      if (await meetFaultBefore(fault, request, response)) return;
      answer = this.answer(request, params, fault);
    } catch (error) {
      if (error instanceof RequestRefused) params = error.params;
      const cause = error instanceof RequestRefused ? error.refusal : error;
      const refusal = cause instanceof ApiError ? cause : new ApiError(500, messages.unknownError);
      const format = params.returnFormat();
      answer = { status: refusal.status, type: contentTypes[format], body: errorBody(format, refusal.message) };
    }
    await sendAnswer(answer, fault, request, response);
  }

  private answer(request: Request, params: Params, fault: FaultSpec | null): Answer {
    // A body that got lost on a redirect, or any other verb, reaches no method (§1.3).
    if (request.method !== 'POST' || params.isEmpty) throw new ApiError(501, messages.notImplemented);
    const token = params.get('token').trim().toUpperCase();
    const { superToken } = this.options;
    if (superToken !== undefined && superToken !== '' && token === superToken.toUpperCase()) {
      return this.answerSuper(params, token);
    }
    const holder = this.tokens.get(token);
    const at = this.now();
    const user = holder?.project.users.get(holder.username);
    if (holder === undefined || user === undefined || (user.expiration !== '' && user.expiration <= at.slice(0, 10))) {
      throw new ApiError(403, messages.noApiRights);
    }
    return runMethod({
      project: holder.project,
      user: holder.project.effective(user),
      params,
      at,
      version: this.version,
      publicUrl:
        this.options.publicUrl?.replace(/\/+$/, '') ??
        `${request.protocol}://${request.get('host') ?? 'localhost'}${request.baseUrl}${request.path.startsWith('/redcap') ? '/redcap' : ''}`,
      missingRows: fault?.kind === 'missing-rows' ? (fault.rows ?? 1) : 0,
      nextId: (kind) => this.nextIds[kind]++,
      changed: () => this.port.changed(),
    });
  }

  /** What a super token may ask: the version, and a new project, whose token comes back (§2.17). */
  private answerSuper(params: Params, superToken: string): Answer {
    const content = params.get('content');
    if (content === 'version') return text(this.version);
    if (content !== 'project') throw new ApiError(403, messages.noApiRights);
    const wish = readWish(parseStructure(params.get('data'), params.format(), params.delimiter()));
    const xml = params.get('odm');
    let design: Design;
    let odm: XmlNode | null = null;
    try {
      if (xml !== '') odm = parseXml(xml, mostElements);
      design = odm === null ? emptyDesign(wish, this.nextIds.event++, this.now()) : this.loadDesign(odm);
    } catch (error) {
      if (error instanceof XmlTooLargeError) throw outOfMemory();
      if (error instanceof XmlUnreadableError) throw new ApiError(400, messages.odmInvalid(error.message));
      throw error;
    }
    applyWish(design.settings, wish);
    const username = this.options.superUser ?? 'api_user';
    const how = odm === null ? 'Create project (API)' : 'Create project (API) using REDCap project XML file';
    const project = this.openProject(design, username, how, odm, 'drop');
    const rights = { ...allRights(design.forms), ...(this.options.creatorRights === 'as-seen' ? withheld : {}) };
    project.users.set(username, newUser(username, rights));
    // Derived, not drawn: a world read back from its journal makes the same project with the same token.
    const token = createHmac('sha256', superToken).update(`${project.id}`).digest('hex').slice(0, 32).toUpperCase();
    this.addToken(project.id, username, token);
    this.port.changed();
    return text(token);
  }

  private loadDesign(odm: XmlNode, spacing?: ChoiceSpacing): Design {
    const ids = {
      eventId: () => this.nextIds.event++,
      dagId: () => this.nextIds.dag++,
      reportId: () => this.nextIds.report++,
      randomizationId: () => this.nextIds.randomization++,
    };
    return loadDesign(odm, ids, this.now(), spacing);
  }

  /** A project from its design, with roles and data where an XML brings them. */
  private openProject(design: Design, username: string, how: string, odm: XmlNode | null, calcs: Calcs): Project {
    const project = new Project(this.nextIds.project++, design);
    const at = this.now();
    project.write(at, username, 'Manage/Design ', how);
    if (odm !== null) {
      const globals = child(child(odm, 'Study'), 'GlobalVariables');
      project.roles.push(...loadRoles(globals, design, project.id, () => this.nextIds.role++));
      loadData(odm, project, at, calcs === 'keep', () => this.nextIds.doc++);
      if (calcs === 'recompute') {
        for (const record of project.data.sorted()) {
          recalculate(project, { record, fields: new Set() }, { now: at, user: username }, true);
        }
      }
    }
    this.projects.set(project.id, project);
    return project;
  }
}
