const pageLines = 52;

/** A text as a PDF string: the letters of Windows-1252 that Latin-1 has too, all others as `?`. */
function pdfString(text: string): Buffer {
  const plain = text.replace(/[^\u0020-\u007e\u00a0-\u00ff]/g, '?').replace(/[\\()]/g, (mark) => `\\${mark}`);
  return Buffer.from(`(${plain})`, 'latin1');
}

/** Breaks a line where it would leave the page. */
function wrap(line: string): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > 95) {
    const at = rest.lastIndexOf(' ', 95);
    lines.push(rest.slice(0, at > 20 ? at : 95));
    rest = `    ${rest.slice(at > 20 ? at + 1 : 95)}`;
  }
  return [...lines, rest];
}

function pageContent(lines: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.from('BT\n/F1 10 Tf\n14 TL\n50 790 Td\n')];
  for (const line of lines) parts.push(pdfString(line), Buffer.from(' Tj\nT*\n'));
  parts.push(Buffer.from('ET\n'));
  return Buffer.concat(parts);
}

/**
 * A PDF of texts: every section begins a page of its own, under `Confidential` and the page's number. Content is not
 * compressed, so that it can be read by whoever looks for a word in it.
 */
export function writePdf(sections: readonly (readonly string[])[], title: string): Buffer {
  const pages: string[][] = [];
  for (const section of sections) {
    const lines = section.flatMap(wrap);
    for (let at = 0; at === 0 || at < lines.length; at += pageLines) {
      pages.push(['Confidential', `Page ${pages.length + 1}`, ...lines.slice(at, at + pageLines)]);
    }
  }
  const parts: Buffer[] = [];
  const offsets = new Map<number, number>();
  let length = 0;
  const put = (bytes: Buffer | string): void => {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    parts.push(buffer);
    length += buffer.length;
  };
  const object = (id: number, body: (Buffer | string)[]): void => {
    offsets.set(id, length);
    put(`${id} 0 obj\n`);
    body.forEach(put);
    put('\nendobj\n');
  };
  put('%PDF-1.3\n');
  // Pages first, from object 3 on; 1 is their list, 2 what they share.
  pages.forEach((lines, at) => {
    const content = pageContent(lines);
    const id = 3 + 2 * at;
    object(id, [`<</Type /Page\n/Parent 1 0 R\n/Resources 2 0 R\n/Contents ${id + 1} 0 R>>`]);
    object(id + 1, [`<</Length ${content.length}>>\nstream\n`, content, 'endstream']);
  });
  const kids = pages.map((_, at) => `${3 + 2 * at} 0 R`).join(' ');
  object(1, [`<</Type /Pages\n/Kids [${kids}]\n/Count ${pages.length}\n/MediaBox [0 0 595.28 841.89]\n>>`]);
  const font = 3 + 2 * pages.length;
  object(font, ['<</Type /Font\n/BaseFont /Helvetica\n/Subtype /Type1\n/Encoding /WinAnsiEncoding\n>>']);
  object(2, [`<<\n/ProcSet [/PDF /Text]\n/Font <<\n/F1 ${font} 0 R\n>>\n>>`]);
  object(font + 1, ['<<\n/Title ', pdfString(title), '\n>>']);
  object(font + 2, ['<<\n/Type /Catalog\n/Pages 1 0 R\n>>']);
  const start = length;
  const count = font + 3;
  put(`xref\n0 ${count}\n0000000000 65535 f \n`);
  for (let id = 1; id < count; id += 1) put(`${String(offsets.get(id)).padStart(10, '0')} 00000 n \n`);
  put(`trailer\n<<\n/Size ${count}\n/Root ${font + 2} 0 R\n/Info ${font + 1} 0 R\n>>\nstartxref\n${start}\n%%EOF\n`);
  return Buffer.concat(parts);
}
