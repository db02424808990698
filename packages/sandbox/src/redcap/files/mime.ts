const byExtension: Record<string, string> = {
  csv: 'text/csv',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  htm: 'text/html',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  wav: 'audio/wav',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'text/xml',
  zip: 'application/zip',
};

/** The type of a file by its name, else what the client said it was. */
export function mimeOf(name: string, said: string): string {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(byExtension, extension)) return byExtension[extension]!;
  return /^[\w.+-]+\/[\w.+-]+$/.test(said) ? said : 'application/octet-stream';
}

/** `image/jpeg; name="mugshot-1.jpg"`, and for texts the character set: where REDCap tells a file's name (§2.23). */
export function fileContentType(name: string, type: string): string {
  const safe = name.replace(/["\\\u0000-\u001f\u007f]/g, '_').replace(/[^\u0020-\u007e]/g, (letter) =>
    // A header holds bytes: names beyond ASCII travel as UTF-8, read as Latin-1.
    Buffer.from(letter, 'utf8').toString('latin1'),
  );
  return `${type}; name="${safe}"${type.startsWith('text/') ? ';charset=UTF-8' : ''}`;
}
