import type { Express } from 'express';
import { html, type Html } from '../world/html';
import { page, row } from '../world/page';
import type { SandboxWorld } from '../world/world';
import type { Mail } from './mailbox';

/** `/mailbox`, one page for each mail, its HTML in a frame that may do nothing, and what is attached. */
export function mountMailPages(app: Express, world: SandboxWorld): void {
  const { mailbox } = world.mailServer;
  app.get('/mailbox', (_req, res) => {
    page(res, 'Mailbox', [list(mailbox.after(0))]);
  });
  app.get('/mailbox/:n', (req, res, next) => {
    const mail = mailbox.get(Number(req.params.n));
    if (!mail) return next();
    page(res, mail.subject || 'Mail without a subject', [one(mail)]);
  });
  app.get('/mailbox/:n/html', (req, res, next) => {
    const mail = mailbox.get(Number(req.params.n));
    if (!mail?.html) return next();
    res.setHeader(
      'Content-Security-Policy',
      "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
    );
    res.type('html').send(mail.html);
  });
  app.get('/mailbox/:n/attachments/:index', (req, res, next) => {
    const attached = mailbox.get(Number(req.params.n))?.attachments[Number(req.params.index)];
    if (!attached) return next();
    res.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
    res.attachment(attached.name).type(attached.type).send(Buffer.from(attached.content, 'base64'));
  });
}

/** What the front page says of it. */
export function mailSummary(world: SandboxWorld): Html {
  const { host, port, user } = world.mail;
  return html`<h2>Mailbox</h2>
    <p>
      SMTP <code>${host}:${port}</code>${user === undefined ? '' : html`, user <code>${user}</code>`};
      <a href="/mailbox">${world.mailbox().length} mails</a>
    </p>`;
}

function list(mails: readonly Mail[]): Html {
  return html`<table>
    <tr>
      <th>When</th>
      <th>To</th>
      <th>Subject</th>
    </tr>
    ${[...mails].reverse().map(
      (mail) =>
        html`<tr>
          <td><code>${mail.at}</code></td>
          <td>${mail.envelope.to.join(', ')}</td>
          <td><a href="/mailbox/${mail.n}">${mail.subject || '(no subject)'}</a></td>
        </tr>`,
    )}
  </table>`;
}

function one(mail: Mail): Html {
  return html`<table>
      ${row('When', mail.at)} ${row('From', mail.from)} ${row('To', mail.to)} ${mail.cc ? row('Cc', mail.cc) : ''}
      ${row('Delivered to', mail.envelope.to.join(', '))}
      ${mail.attachments.map(
        (attached, i) =>
          html`<tr>
            <th>Attached</th>
            <td><a href="/mailbox/${mail.n}/attachments/${i}">${attached.name}</a> (${attached.bytes} bytes)</td>
          </tr>`,
      )}
    </table>
    ${
      mail.html
        ? html`<iframe
            sandbox
            src="/mailbox/${mail.n}/html"
            style="width:100%;height:40rem;border:1px solid #dde3e9"
          ></iframe>`
        : ''
    }
    <pre style="white-space:pre-wrap">${mail.text}</pre>`;
}
