const secrets = new Set<string>();

/** From here on no log line of this process shows this text. Called wherever a secret is read. */
export function rememberSecret(text: string): void {
  if (text.length >= 6) secrets.add(text);
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\bBearer\s+\S+/gi, 'Bearer [secret]'],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*(?::[^\s/@]*)?@/gi, '$1[secret]@'],
  [/\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b/g, '[email]'],
  // REDCap tokens (32, super tokens 64) and digests.
  [/\b(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})\b/g, '[token]'],
  [/\+1[\s.-]?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4}\b/g, '[phone]'],
  [/\+\d{8,15}\b/g, '[phone]'],
  [/(?<![\w.-])\(?[2-9]\d{2}\)?[\s.-]{1,2}\d{3}[\s.-]\d{4}(?![\w-])/g, '[phone]'],
  [/(?<![\w.-])1?[2-9]\d{2}[2-9]\d{6}(?![\w-])/g, '[phone]'],
];

/** A text without the secrets that this process has read. */
export function scrubSecrets(text: string): string {
  let scrubbed = text;
  for (const secret of secrets) if (scrubbed.includes(secret)) scrubbed = scrubbed.replaceAll(secret, '[secret]');
  return scrubbed;
}

/** A text without secrets known to this process, credentials in addresses, tokens, e-mail addresses and phone numbers. */
export function scrubText(text: string): string {
  let scrubbed = scrubSecrets(text);
  for (const [pattern, replacement] of patterns) scrubbed = scrubbed.replace(pattern, replacement);
  return scrubbed;
}
