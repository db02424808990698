/** The declaration REDCap's XML answers open with. */
export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8" ?>';

// What XML 1.0 has no way to write.

const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Text for an element's content. */
export function escapeXml(text: string): string {
  return text.replace(forbidden, '').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Text for an attribute in double quotes; apostrophes as REDCap writes them, newlines so that a parser keeps them. */
function escapeXmlAttribute(text: string): string {
  return escapeXml(text)
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#039;')
    .replace(/\r/g, '&#13;')
    .replace(/\n/g, '&#10;')
    .replace(/\t/g, '&#9;');
}

/** A CDATA section, empty text as nothing at all. */
export function cdata(text: string): string {
  if (text === '') return '';
  return `<![CDATA[${text.replace(forbidden, '').replace(/]]>/g, ']]]]><![CDATA[>')}]]>`;
}

/** Attributes of an element, in order, each with a blank before it. */
export function xmlAttributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXmlAttribute(String(value))}"`)
    .join('');
}
