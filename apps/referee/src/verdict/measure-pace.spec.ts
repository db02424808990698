import { busiestSpan, usedShare } from './measure-pace';

const every = (ms: number, n: number): { at: number; weight: number }[] =>
  Array.from({ length: n }, (_, index) => ({ at: 1_000 + index * ms, weight: 1 }));

describe('the pace of arrivals', () => {
  it('is the most within any span, wherever it begins, and by weight', () => {
    expect(busiestSpan([], 10_000)).toBe(0);
    expect(busiestSpan(every(100, 300), 10_000)).toBe(100);
    // One that comes a moment early makes a span too full.
    expect(busiestSpan([...every(100, 300), { at: 15_050, weight: 1 }], 10_000)).toBe(101);
    expect(busiestSpan([...every(100, 300), { at: 15_050, weight: 2 }].reverse(), 10_000)).toBe(102);
  });

  it('uses a share of the rate, from the first arrival to the last', () => {
    expect(usedShare(every(100, 101), 10)).toBeCloseTo(1);
    expect(usedShare(every(125, 101), 10)).toBeCloseTo(0.8);
    expect(usedShare(every(100, 1), 10)).toBe(0);
  });
});
