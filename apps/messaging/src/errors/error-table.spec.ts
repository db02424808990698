import { errorTable, ruleOf } from './error-table';

describe('the error table', () => {
  it('says for the codes of messaging.md §3 what is done', () => {
    const actions = (codes: string[]) => [...new Set(codes.map((code) => ruleOf(code, 'long').action))];
    expect(actions(['21610'])).toEqual(['opt-out']);
    expect(actions(['21211', '21614', '21635', '30005', '30006'])).toEqual(['flag']);
    expect(actions(['21606', '21212', '21603', '30002', '30032', '30034', '30035', '21705'])).toEqual(['stop-sender']);
    expect(actions(['30001', '30003', '30008', '30017', '30022', '30023', '30027', '30500', '63038'])).toEqual([
      'retry',
    ]);
    expect(ruleOf('30007', 'long')).toMatchObject({ action: 'staff', reason: 'FILTERED', suspicious: true });
    expect(ruleOf('30036', 'long')).toMatchObject({ action: 'retry', afterMinutes: 0 });
  });

  it('knows who blocks: the network for a toll-free number, the carrier for a short code', () => {
    expect(ruleOf('30004', 'tollfree').action).toBe('opt-out');
    expect(ruleOf('30004', 'short').reason).toBe('SHORTCODE_BLOCKED');
    expect(ruleOf('30004', 'long').reason).toBe('CARRIER_BLOCKED');
  });

  it('has an answer for a code that it does not know, and for none', () => {
    expect(ruleOf('39999', 'long').action).toBe('staff');
    expect(ruleOf(null, null).action).toBe('staff');
  });

  it('says of every retry how often and when', () => {
    for (const rule of Object.values(errorTable).filter(({ action }) => action === 'retry')) {
      expect(rule.times).toBeGreaterThan(0);
      expect(rule.afterMinutes).toBeGreaterThanOrEqual(0);
    }
  });
});
