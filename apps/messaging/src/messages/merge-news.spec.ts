import fc from 'fast-check';
import { mergeNews, type Told } from './merge-news';
import type { News } from './news';

const fresh: Told = {
  state: 'dispatching',
  providerStatus: null,
  errorCode: null,
  segments: null,
  price: null,
  providerCreatedAt: null,
  providerUpdatedAt: null,
};
const newsOf = (status: string, o: Partial<News> = {}): News => ({
  source: 'callback',
  sid: `SM${'a'.repeat(32)}`,
  status,
  errorCode: null,
  segments: null,
  price: null,
  createdAt: null,
  updatedAt: null,
  dedup: null,
  raw: {},
  ...o,
});
const after = (...statuses: (string | News)[]): Told =>
  statuses.reduce<Told>((told, one) => mergeNews(told, typeof one === 'string' ? newsOf(one) : one), fresh);

const statuses = [
  'accepted',
  'scheduled',
  'queued',
  'sending',
  'sent',
  'delivered',
  'undelivered',
  'failed',
  'canceled',
  'read',
  'partially_delivered',
  'something_new',
];
const anyNews = fc
  .record({
    status: fc.constantFrom(...statuses),
    errorCode: fc.option(fc.constantFrom('30003', '30007', '21610')),
    segments: fc.option(fc.integer({ min: 1, max: 4 })),
    price: fc.option(fc.constantFrom('-0.00750', '-0.0150', '-0.00830')),
    createdAt: fc.option(fc.constantFrom(new Date(1_000), new Date(2_000))),
    updatedAt: fc.option(fc.constantFrom(new Date(3_000), new Date(4_000), new Date(5_000))),
  })
  .map(({ status, ...rest }) => newsOf(status, rest));

describe('news of a message', () => {
  it('end in the same, in whatever order they come and however often', () => {
    const shuffled = fc.array(anyNews, { minLength: 1, maxLength: 8 }).chain((list) =>
      fc.record({
        list: fc.constant(list),
        other: fc
          .array(fc.constantFrom(...list), { maxLength: 6 })
          .chain((again) => fc.shuffledSubarray([...list, ...again], { minLength: list.length + again.length })),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ list, other }) => {
        expect(after(...other)).toEqual(after(...list));
      }),
      { numRuns: 2_000 },
    );
  });

  it('move forward only: a receipt beats anything, an end what is none', () => {
    expect(after('queued', 'sent', 'delivered').state).toBe('delivered');
    expect(after('delivered', 'sent', 'undelivered', 'failed', 'queued').state).toBe('delivered');
    expect(after('undelivered', 'sent').state).toBe('undelivered');
    expect(after('sent', 'sending')).toMatchObject({ state: 'sent', providerStatus: 'sent' });
    expect(after('canceled', 'sent').state).toBe('canceled');
    expect(after('something_new').state).toBe('accepted');
    expect(after('sent', 'something_new').state).toBe('sent');
    expect(mergeNews({ ...fresh, state: 'no-receipt' }, newsOf('sent')).state).toBe('no-receipt');
    expect(mergeNews({ ...fresh, state: 'no-receipt' }, newsOf('delivered')).state).toBe('delivered');
  });

  it('count an error code only for the failure it came with', () => {
    expect(after(newsOf('sent', { errorCode: '30007' }))).toMatchObject({ state: 'sent', errorCode: null });
    expect(after(newsOf('undelivered', { errorCode: '30003' }))).toMatchObject({ errorCode: '30003' });
    expect(after(newsOf('undelivered', { errorCode: '30003' }), 'delivered')).toMatchObject({
      state: 'delivered',
      errorCode: null,
    });
  });

  it('of the same status still fill in price and segments', () => {
    expect(after('delivered', newsOf('delivered', { price: '-0.00750', segments: 2 }))).toMatchObject({
      price: '-0.00750',
      segments: 2,
    });
  });
});
