import type { Express } from 'express';
import type { ProjectJson } from '../redcap/project';
import { countersOf, type Member } from '../agile/member';
import { isLeft } from './faults';
import { html, type Html } from './html';
import { page, row } from './page';
import type { SandboxWorld } from './world';

/** The pages for people: what this world holds right now. Everyone in it is invented. */
export function mountPages(app: Express, world: SandboxWorld): void {
  app.get('/', (req, res) => {
    const base = `${req.protocol}://${req.headers.host ?? 'localhost'}`;
    page(res, 'Sandbox', [clock(world), projects(world, base), partner(world, base), faults(world), lines(world, 40)]);
  });
  app.get('/projects/:projectId', (req, res, next) => {
    const project = projectOf(world, req.params.projectId);
    if (!project) return next();
    page(res, project.design.settings.title, [records(project)]);
  });
  app.get('/projects/:projectId/records/:record', (req, res, next) => {
    const project = projectOf(world, req.params.projectId);
    const record = project?.records.find(({ id }) => id === req.params.record);
    if (!project || !record) return next();
    page(res, `Record ${record.id}`, [cells(record), changes(project, record.id)]);
  });
  app.get('/members', (_req, res) => {
    page(res, 'Members', [members(world)]);
  });
  app.get('/members/:memberId', (req, res, next) => {
    const member = world.agileStandIn.snapshot().members.find((m) => m.memberId === req.params.memberId);
    if (!member) return next();
    page(res, `Member ${member.memberId}`, [oneMember(world, member)]);
  });
  app.get('/log', (_req, res) => {
    page(res, 'What happened', [lines(world, 400)]);
  });
}

function clock(world: SandboxWorld): Html {
  const next = world.nextEventAt();
  return html`<h2>Clock</h2>
    <table>
      ${row('Now', world.now.toISOString())} ${row('Last change outside', world.changedAt.toISOString())}
      ${row('Next thing to happen', next ? next.toISOString() : 'nothing')}
      ${row('Timeline', world.endAt ? `${world.startAt.toISOString()} to ${world.endAt.toISOString()}${world.ended ? ' (over)' : ''}` : 'none')}
      ${row('Speed', world.speed === 0 ? 'stands until advanced' : `${world.speed} study seconds a second`)}
    </table>`;
}

function projects(world: SandboxWorld, base: string): Html {
  return html`<h2>REDCap</h2>
    <p>API address <code>${base}/redcap/api/</code></p>
    <table>
      <tr>
        <th>Project</th>
        <th>Records</th>
        <th>Token</th>
      </tr>
      ${world.redcapProjects().map(
        ({ id, design, records: kept }, i) =>
          html`<tr>
            <td>${design.settings.title}</td>
            <td><a href="/projects/${id}">${kept.length}</a></td>
            <td><code>${world.tokens[i]?.token}</code></td>
          </tr>`,
      )}
    </table>`;
}

function projectOf(world: SandboxWorld, id: string): ProjectJson | undefined {
  return world.redcapProjects().find((project) => String(project.id) === id);
}

function records(project: ProjectJson): Html {
  return html`<p>${project.records.length} records</p>
    <ul>
      ${project.records.map(
        ({ id }) => html`<li><a href="/projects/${project.id}/records/${encodeURIComponent(id)}">${id}</a></li>`,
      )}
    </ul>`;
}

function cells(record: ProjectJson['records'][number]): Html {
  return html`${record.rows.map(
    ([, event, instance, values]) =>
      html`<h2>${event}${instance > 0 ? ` #${instance}` : ''}</h2>
        <table>
          ${Object.entries(values).map(([field, value]) => row(field, value))}
        </table>`,
  )}`;
}

function changes(project: ProjectJson, record: string): Html {
  const own = project.log.filter((entry) => entry[4] === record).reverse();
  return html`<h2>REDCap's log of it</h2>
    <ol>
      ${own.map(([at, user, action, details]) => html`<li><code>${at}</code> ${user}: ${action} ${details}</li>`)}
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
