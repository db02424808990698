import { smsSegments } from './sms-segments';

describe('segments of a text', () => {
  it.each([
    // messaging.md §4
    ['a'.repeat(160), 'GSM-7', 1],
    ['a'.repeat(161), 'GSM-7', 2],
    ['a'.repeat(306), 'GSM-7', 2],
    ['a'.repeat(307), 'GSM-7', 3],
    ['€'.repeat(80), 'GSM-7', 1],
    ['€'.repeat(81), 'GSM-7', 2],
    ['😀'.repeat(35), 'UCS-2', 1],
    ['😀'.repeat(36), 'UCS-2', 2],
    ['á'.repeat(70), 'UCS-2', 1],
    ['á'.repeat(71), 'UCS-2', 2],
    ['ñüéà¿¡Ñ'.repeat(22), 'GSM-7', 1],
    ['', 'GSM-7', 1],
  ])('%s…', (text, encoding, segments) => {
    expect(smsSegments(text)).toMatchObject({ encoding, segments });
  });

  it('count a character of the extension twice', () => {
    expect(smsSegments('{a}')).toEqual({ encoding: 'GSM-7', segments: 1, units: 5 });
  });

  it.each(['á', 'í', 'ó', 'ú', '’', '“', '–', '\t'])('turn to UCS-2 for %j alone', (sign) => {
    expect(smsSegments(`${'a'.repeat(70)}${sign}`)).toEqual({ encoding: 'UCS-2', segments: 2, units: 71 });
  });

  it('never part a character of two units', () => {
    // 152 + 2 septets do not fit into 153, so the euro begins the second part and the third one is needed
    const text = `${'a'.repeat(152)}€${'a'.repeat(152)}`;
    expect(smsSegments(text)).toMatchObject({ units: 306, segments: 3 });
    // the same with a surrogate pair at the end of 67 units
    expect(smsSegments(`${'á'.repeat(66)}😀${'á'.repeat(66)}`)).toMatchObject({ units: 134, segments: 3 });
  });
});
