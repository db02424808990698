import { countSegments, smartEncode } from './segments';

it.each([
  ['a'.repeat(160), 'GSM-7', 1],
  ['a'.repeat(161), 'GSM-7', 2],
  ['a'.repeat(306), 'GSM-7', 2],
  ['a'.repeat(307), 'GSM-7', 3],
  ['€'.repeat(80), 'GSM-7', 1],
  ['€'.repeat(81), 'GSM-7', 2],
  // An escaped character is not parted: the 153rd septet of the first segment stays empty.
  [`${'a'.repeat(152)}€${'a'.repeat(152)}`, 'GSM-7', 3],
  ['ñüéàÑ¿¡', 'GSM-7', 1],
  ['á'.repeat(70), 'UCS-2', 1],
  ['á'.repeat(71), 'UCS-2', 2],
  ['á'.repeat(135), 'UCS-2', 3],
  ['😀'.repeat(35), 'UCS-2', 1],
  ['😀'.repeat(36), 'UCS-2', 2],
  [`${'a'.repeat(159)}í`, 'UCS-2', 3],
  ['', 'GSM-7', 1],
] as const)('counts %#', (text, encoding, segments) => {
  expect(countSegments(text)).toEqual({ encoding, segments });
});

it.each(['á', 'í', 'ó', 'ú', 'Á', 'ç', '’', '“', '–', '\t'])('%s is not in GSM-7', (character) => {
  expect(countSegments(character).encoding).toBe('UCS-2');
});

it('encodes what word processors make, and leaves accents as they are', () => {
  expect(smartEncode('“Don’t wait”—cepíllate…')).toBe('"Don\'t wait"-cepíllate...');
});
