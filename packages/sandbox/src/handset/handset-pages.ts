import type { Express } from 'express';
import { html, type Html } from '../world/html';
import { page } from '../world/page';
import type { SandboxWorld } from '../world/world';

/** `/handsets` and one page for each phone: what it really holds, whoever sent it. */
export function mountHandsetPages(app: Express, world: SandboxWorld): void {
  app.get('/handsets', (_req, res) => {
    page(res, 'Handsets', [list(world)]);
  });
  app.get('/handsets/:mobile', (req, res) => {
    page(res, req.params.mobile, [texts(world, req.params.mobile)]);
  });
}

/** What the front page says of them. */
export function handsetSummary(world: SandboxWorld): Html {
  const phones = Object.values(world.handsets());
  const received = phones.reduce((sum, phone) => sum + phone.received.length, 0);
  const sent = phones.reduce((sum, phone) => sum + phone.sent.length, 0);
  return html`<h2>Handsets</h2>
    <p><a href="/handsets">${phones.length} phones</a> have ${received} texts of Twilio and have sent ${sent}</p>`;
}

function list(world: SandboxWorld): Html {
  return html`<table>
    <tr>
      <th>Phone</th>
      <th>Line</th>
      <th>Received</th>
      <th>Sent</th>
      <th>Last text</th>
    </tr>
    ${Object.entries(world.handsets()).map(([mobile, { line, received, sent }]) => {
      const last = received.at(-1);
      return html`<tr>
        <td><a href="/handsets/${mobile}">${mobile}</a></td>
        <td>${line}</td>
        <td>${received.length}</td>
        <td>${sent.length}</td>
        <td>${last ? `${last.at} ${last.body.slice(0, 60)}` : ''}</td>
      </tr>`;
    })}
  </table>`;
}

function texts(world: SandboxWorld, mobile: string): Html {
  const { line, received, sent } = world.handset(mobile);
  const partner = world.agileStandIn
    .snapshot()
    .members.filter((member) => member.details.mobile === mobile)
    .flatMap((member) => member.texts.filter(({ from }) => from !== 'handset'));
  const all = [
    ...received.map((text) => ({ at: text.at, who: text.from, body: text.body, more: `${text.segments} segments` })),
    ...partner.map((text) => ({ at: text.at, who: 'Agile Health', body: text.body, more: '' })),
    ...sent.map((text) => ({ at: text.at, who: `to ${text.to}`, body: text.body, more: 'sent by the phone' })),
  ].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return html`<p>${line === null ? 'A phone that nobody described' : `Line: ${line}`}</p>
    <table>
      <tr>
        <th>When</th>
        <th>Who</th>
        <th>Text</th>
        <th></th>
      </tr>
      ${all.map(
        ({ at, who, body, more }) =>
          html`<tr>
            <td><code>${at}</code></td>
            <td>${who}</td>
            <td>${body}</td>
            <td>${more}</td>
          </tr>`,
      )}
    </table>`;
}
