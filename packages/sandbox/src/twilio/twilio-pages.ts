import type { Express } from 'express';
import { html, type Html } from '../world/html';
import { page, row } from '../world/page';
import type { SandboxWorld } from '../world/world';

/** `/messages`: the newest messages, and what became of them. */
export function mountTwilioPages(app: Express, world: SandboxWorld): void {
  app.get('/messages', (_req, res) => {
    page(res, 'Twilio', [state(world), messages(world)]);
  });
}

/** What the front page says of it. */
export function twilioSummary(world: SandboxWorld, base: string): Html {
  const { accountSid, authToken, numbers } = world.twilio;
  return html`<h2>Twilio</h2>
    <p>
      Address <code>${base}/twilio</code>, account <code>${accountSid}</code>, token <code>${authToken}</code>, senders
      <code>${numbers.map(({ phoneNumber }) => phoneNumber).join(', ')}</code>;
      <a href="/messages">${world.twilioMessages().length} messages</a>
    </p>`;
}

function state(world: SandboxWorld): Html {
  const view = world.twilioView();
  return html`<table>
      ${row('Balance', `$${view.balance.toFixed(2)}`)}
      ${Object.entries(view.messages).map(([status, count]) => row(status, String(count)))}
      ${row('Creates asked for', String(view.creates))} ${row('Webhooks called', String(view.callbacks))}
    </table>
    <h2>Senders</h2>
    <table>
      ${view.numbers.map(({ phoneNumber, kind, mps, queuedMs, smsUrl }) =>
        row(
          phoneNumber,
          `${kind}, ${mps > 0 ? `${mps} segments a second` : 'any number of segments'}, busy for ${queuedMs} ms, ${smsUrl ?? 'no webhook'}`,
        ),
      )}
    </table>
    <h2>Who wants no more</h2>
    <table>
      ${view.optOuts.map(({ sender, phone, at }) => row(phone, `from ${sender}, since ${at}`))}
    </table>`;
}

function messages(world: SandboxWorld): Html {
  const newest = world.twilioMessages().slice(-200).reverse();
  return html`<h2>Newest messages</h2>
    <table>
      <tr>
        <th>Created</th>
        <th>From</th>
        <th>To</th>
        <th>Text</th>
        <th>Status</th>
        <th>Segments</th>
        <th>SID</th>
      </tr>
      ${newest.map(
        (m) =>
          html`<tr>
            <td><code>${m.createdAt}</code></td>
            <td>${m.from ?? m.serviceSid}</td>
            <td>${m.to}</td>
            <td>${m.body}</td>
            <td>${m.status}${m.errorCode === null ? '' : ` ${m.errorCode}`}</td>
            <td>${m.segments}</td>
            <td><code>${m.sid}</code></td>
          </tr>`,
      )}
    </table>`;
}
