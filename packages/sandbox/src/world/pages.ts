import type { Express } from 'express';
import type { LogEntry } from '../redcap/model';
import type { ProjectGlance, RowGlance } from '../redcap/server-view';
import { countersOf, type Member } from '../agile/member';
import { isLeft } from './faults';
import { handsetSummary, mountHandsetPages } from '../handset/handset-pages';
import { mailSummary, mountMailPages } from '../mail/mail-pages';
import { mountTwilioPages, twilioSummary } from '../twilio/twilio-pages';
import { html, type Html } from './html';
import { page, row } from './page';
import type { SandboxWorld } from './world';

/** The pages for people: what this world holds right now. Everyone in it is invented. */
export function mountPages(app: Express, world: SandboxWorld): void {
  app.get('/', (req, res) => {
    const base = `${req.protocol}://${req.headers.host ?? 'localhost'}`;
    const partners = [projects(world, base), partner(world, base), twilioSummary(world, base)];
    const phones = [handsetSummary(world), mailSummary(world)];
    page(res, 'Sandbox', [clock(world), ...partners, ...phones, faults(world), lines(world, 40)]);
  });
  app.get('/projects/:projectId', (req, res, next) => {
    const project = projectOf(world, req.params.projectId);
    if (!project) return next();
    const from = Math.max(0, Math.trunc(Number(req.query['from'])) || 0);
    page(res, project.title, [design(project), records(world, project, from), redcapLog(world, project.id)]);
  });
  app.get('/projects/:projectId/records/:record', (req, res, next) => {
    const { record } = req.params;
    const project = projectOf(world, req.params.projectId);
    const rows = project && world.redcapStandIn.recordRows?.(project.id, record);
    if (!project || !rows) return next();
    page(res, `Record ${record}`, [cells(rows), redcapLog(world, project.id, record)]);
  });
  app.get('/members', (_req, res) => {
    page(res, 'Members', [members(world)]);
  });
  app.get('/members/:memberId', (req, res, next) => {
    const member = world.agileStandIn.snapshot().members.find((m) => m.memberId === req.params.memberId);
    if (!member) return next();
    page(res, `Member ${member.memberId}`, [oneMember(world, member)]);
  });
  mountTwilioPages(app, world);
  mountHandsetPages(app, world);
  mountMailPages(app, world);
  app.get('/log', (_req, res) => {
    page(res, 'What happened', [lines(world, 400)]);
  });
}

function clock(world: SandboxWorld): Html {
  const next = world.nextEventAt();
  return html`<h2>Clock</h2>
    <table>
      ${row('Now', world.now.toISOString())} ${row('Last change in REDCap', world.changedAt.toISOString())}
      ${row('Last text to us', world.textedAt.toISOString())}
      ${row('Next thing to happen', next ? next.toISOString() : 'nothing')}
      ${row('Timeline', world.endAt ? `${world.startAt.toISOString()} to ${world.endAt.toISOString()}${world.ended ? ' (over)' : ''}` : 'none')}
      ${row('Speed', world.speed === 0 ? 'stands until advanced' : `${world.speed} study seconds a second`)}
    </table>`;
}

/** So many records, and lines of a log, are shown at a time. */
const shown = 500;

function projects(world: SandboxWorld, base: string): Html {
  const all = world.redcapStandIn.glance?.() ?? [];
  return html`<h2>REDCap</h2>
    <p>API address <code>${base}/redcap/api/</code></p>
    <table>
      <tr>
        <th>Project</th>
        <th>Records</th>
        <th>Tokens</th>
      </tr>
      ${all.map(
        ({ id, title, records: count, tokens }) =>
          html`<tr>
            <td><a href="/projects/${id}">${title}</a> (project ${id})</td>
            <td><a href="/projects/${id}">${count}</a></td>
            <td>${tokens.map(({ token, username }) => html`<code>${token}</code> ${username}<br />`)}</td>
          </tr>`,
      )}
    </table>
    ${all.length === 1 ? redcapLog(world, all[0]!.id) : ''}`;
}

function projectOf(world: SandboxWorld, id: string): ProjectGlance | undefined {
  return world.redcapStandIn.glance?.().find((project) => String(project.id) === id);
}

function design({ instruments, events, tokens }: ProjectGlance): Html {
  return html`<table>
    ${tokens.map(({ token, username }) => row(`Token of ${username}`, token))}
    ${row('Instruments', instruments.map(({ label, survey }) => `${label}${survey ? ' (survey)' : ''}`).join(', '))}
    ${events.length > 0 ? row('Events', events.map(({ title }) => title).join(', ')) : ''}
  </table>`;
}

function records(world: SandboxWorld, project: ProjectGlance, from: number): Html {
  const ids = world.redcapStandIn.recordIds?.(project.id, from, shown) ?? [];
  const next = from + shown;
  return html`<h2>${project.records} records</h2>
    <ul>
      ${ids.map((id) => html`<li><a href="/projects/${project.id}/records/${encodeURIComponent(id)}">${id}</a></li>`)}
    </ul>
    ${next < project.records ? html`<p><a href="?from=${next}">More</a></p>` : ''}`;
}

function cells(rows: RowGlance[]): Html {
  return html`${rows.map(
    ({ event, instrument, instance, cells: values }) =>
      html`<h2>${event} ${instrument}${instance > 0 ? ` #${instance}` : ''}</h2>
        <table>
          ${values.map(([field, value]) => row(field, value))}
        </table>`,
  )}`;
}

function redcapLog(world: SandboxWorld, projectId: number, record?: string): Html {
  const own: LogEntry[] = world.redcapStandIn.logLines?.(projectId, record === undefined ? 40 : shown, record) ?? [];
  return html`<h2>REDCap's log${record === undefined ? '' : ' of it'}</h2>
    <ol>
      ${own.map(({ at, user, action, details }) => html`<li><code>${at}</code> ${user}: ${action} ${details}</li>`)}
    </ol>`;
}

function partner(world: SandboxWorld, base: string): Html {
  const { members, ledger, refused } = world.agileStandIn.snapshot();
  const byStatus = new Map<string, number>();
  for (const { status } of members) byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  const posts = Object.values(ledger).reduce((sum, entry) => sum + entry.posts, 0);
  const puts = Object.values(ledger).reduce((sum, entry) => sum + entry.puts + entry.armPuts, 0);
  return html`<h2>Texting partner</h2>
    <p>
      Address <code>${base}/agile</code>, programmes <code>${world.agile.programs.join(', ')}</code>, key
      <code>${world.agile.key}</code>
    </p>
    <table>
      <tr>
        <th>Members</th>
        <td><a href="/members">${members.length}</a></td>
      </tr>
      ${[...byStatus].sort().map(([status, count]) => row(status, String(count)))}
      ${row('Applied', `${posts} POST, ${puts} PUT`)}
      ${Object.entries(refused).map(([code, count]) => row(`Refused ${code}`, String(count)))}
    </table>`;
}

function faults(world: SandboxWorld): Html {
  const list = world.faults();
  if (list.length === 0)
    return html`<h2>Faults</h2>
      <p>None lies in wait.</p>`;
  return html`<h2>Faults</h2>
    <table>
      <tr>
        <th>At</th>
        <th>Kind</th>
        <th>For</th>
        <th>Met</th>
      </tr>
      ${list.map(
        (s) =>
          html`<tr>
            <td>${s.target}</td>
            <td>${s.fault.kind}</td>
            <td>${JSON.stringify(s.fault.match ?? 'any call')}</td>
            <td>
              ${s.used} of ${s.fault.times === 0 ? 'any number' : (s.fault.times ?? 1)}${isLeft(s) ? '' : ' (over)'}
            </td>
          </tr>`,
      )}
    </table>`;
}

function lines(world: SandboxWorld, count: number): Html {
  const list = world.log(count).reverse();
  return html`<h2>Last lines</h2>
    <ol>
      ${list.map(({ at, line }) => html`<li><code>${at}</code> ${line}</li>`)}
    </ol>
    <p><a href="/log">More</a></p>`;
}

function members(world: SandboxWorld): Html {
  return html`<table>
    <tr>
      <th>Member</th>
      <th>Name</th>
      <th>Mobile</th>
      <th>Status</th>
      <th>Since</th>
      <th>Arm</th>
    </tr>
    ${world.agileStandIn.snapshot().members.map(
      (m) =>
        html`<tr>
          <td><a href="/members/${m.memberId}">${m.memberId}</a></td>
          <td>${m.details.firstName} ${m.details.lastName}</td>
          <td>${m.details.mobile}</td>
          <td>${m.status}</td>
          <td>${m.statusAt}</td>
          <td>${m.arm}</td>
        </tr>`,
    )}
  </table>`;
}

function oneMember(world: SandboxWorld, member: Member): Html {
  const { texts, details, before: _before, optIn, ...rest } = member;
  const { attributes, ...person } = details;
  const calls = world.agileStandIn.snapshot().ledger[member.memberId];
  return html`<table>
      ${Object.entries({ ...rest, ...person, ...attributes }).map(([name, value]) => row(name, String(value ?? '')))}
      ${row('Asked to opt in', optIn.sentAt ?? '')} ${row('Opted in', optIn.answeredAt ?? '')}
      ${row('Texts', JSON.stringify(countersOf(member, world.now)))} ${row('Calls applied', JSON.stringify(calls))}
    </table>
    <h2>Texts</h2>
    <ol>
      ${texts.map((text) => html`<li><code>${text.at}</code> ${text.from}: ${text.body}</li>`)}
    </ol>`;
}
