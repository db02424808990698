import type { Response } from 'express';
import { html, type Html } from './html';

/** A line of a table with two columns. */
export function row(name: string, value: string): Html {
  return html`<tr>
    <th>${name}</th>
    <td>${value}</td>
  </tr>`;
}

/** Answers with a whole page. */
export function page(res: Response, title: string, parts: Html[]): void {
  const whole = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title} – Studybridge sandbox</title>
        <style>
          body {
            font:
              15px/1.5 system-ui,
              sans-serif;
            margin: 2rem auto;
            max-width: 70rem;
            padding: 0 1rem;
            color: #1c2733;
          }
          table {
            border-collapse: collapse;
          }
          th,
          td {
            text-align: left;
            padding: 0.2rem 1rem 0.2rem 0;
            border-bottom: 1px solid #dde3e9;
            vertical-align: top;
          }
          code {
            font-size: 0.9em;
          }
          ol {
            padding-left: 2.5rem;
          }
          h2 {
            margin-top: 2rem;
          }
        </style>
      </head>
      <body>
        <p><a href="/">Sandbox</a> · everyone here is invented</p>
        <h1>${title}</h1>
        ${parts}
      </body>
    </html>`;
  res.type('html').send(whole.text);
}
