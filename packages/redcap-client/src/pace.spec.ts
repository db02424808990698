import { Pace } from './pace';

describe('the pace of calls', () => {
  it('goes toward the meant time, by half or double at most', () => {
    const pace = new Pace(10_000, 100, 500);
    pace.took(100, 5_000);
    expect(pace.size).toBe(200);
    pace.took(200, 8_000);
    expect(pace.size).toBe(250);
    pace.took(250, 100);
    expect(pace.size).toBe(500);
    pace.took(500, 1);
    expect(pace.size).toBe(500);
    pace.took(500, 100_000);
    expect(pace.size).toBe(250);
  });

  it('learns nothing from a short last call, and never stands still', () => {
    const pace = new Pace(10_000, 100, 500);
    pace.took(3, 10);
    expect(pace.size).toBe(100);
    expect([pace.slower(100), pace.size]).toEqual([true, 50]);
    expect([pace.slower(1), pace.size]).toEqual([false, 1]);
    pace.took(1, 60_000);
    expect(pace.size).toBe(1);
  });
});
