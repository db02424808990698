/** HTML that is safe to put into a page as it stands. */
export class Html {
  constructor(readonly text: string) {}
}

/** HTML from a template: whatever is put in is escaped, unless it is `Html` (or a list of it) already. */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(parts.reduce((page, part, i) => page + piece(values[i - 1]) + part));
}

function piece(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(piece).join('');
  return String(value ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
