/** The parsed address, or null; a thrown TypeError would carry the text, which may hold a password. */
export function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
