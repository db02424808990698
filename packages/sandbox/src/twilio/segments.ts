// The studies' linter counts for itself (packages/studies), on purpose: a stand-in must not share a mistake with what it judges.

/** GSM 03.38: one septet each. */
const basic = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
/** Behind an escape: two septets each, never parted. */
const extended = new Set('\f^{}\\[~]|€');

/** What a text costs on the air. */
export interface Segments {
  encoding: 'GSM-7' | 'UCS-2';
  segments: number;
}

/**
 * Counts a text's segments: 160 septets alone and 153 in a chain, or 70 and 67 UTF-16 units as soon as one character is not in
 * GSM 03.38 (as á, í, ó and ú are not; `messaging.md §4`). Neither an escaped character nor a surrogate pair is parted between two segments. An empty
 * text is one segment.
 */
export function countSegments(text: string): Segments {
  const characters = [...text];
  const gsm = characters.every((c) => basic.has(c) || extended.has(c));
  const sizes = characters.map((c) => (gsm ? (extended.has(c) ? 2 : 1) : c.length));
  const [alone, chained] = gsm ? [160, 153] : [70, 67];
  const encoding = gsm ? 'GSM-7' : 'UCS-2';
  if (sizes.reduce((sum, size) => sum + size, 0) <= alone) return { encoding, segments: 1 };
  let segments = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > chained) {
      segments += 1;
      used = 0;
    }
    used += size;
  }
  return { encoding, segments };
}

/** What `SmartEncoded` replaces: characters that look alike in GSM-7 (the ones that people's word processors make). */
const lookalikes: Record<string, string> = {
  '‘': "'",
  '’': "'",
  '‚': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '–': '-',
  '—': '-',
  '…': '...',
  '\u00a0': ' ',
  '\u200b': '',
};

/** The text as `SmartEncoded` sends it; accents stay. */
export function smartEncode(text: string): string {
  return [...text].map((c) => lookalikes[c] ?? c).join('');
}
