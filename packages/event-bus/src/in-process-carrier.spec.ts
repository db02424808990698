import { createInProcessCarrier, type WireMessage } from '.';

const message: WireMessage = { topic: 't', key: 'k', headers: {}, value: '{}' };

describe('the in-process carrier', () => {
  it('publishes nothing past a group that is expected and not there yet', async () => {
    const carrier = createInProcessCarrier({ expects: { t: ['late'] } });
    const order: string[] = [];
    const published = carrier.publish([message]).then(() => order.push('published'));
    await carrier.subscribe('other', ['t'], () => Promise.resolve());
    await Promise.resolve();
    expect(order).toEqual([]);
    await carrier.subscribe('late', ['t'], async () => {
      await Promise.resolve();
      order.push('stored');
    });
    await published;
    expect(order).toEqual(['stored', 'published']);
  });

  it('accepts a batch only when every group stored it, and hands a group’s batch to one member', async () => {
    const carrier = createInProcessCarrier({ expects: {} });
    const heard: string[] = [];
    const member = (name: string) => () => Promise.resolve(void heard.push(name));
    await carrier.subscribe('a', ['t'], member('a1'));
    await carrier.subscribe('a', ['t'], member('a2'));
    const stop = await carrier.subscribe('b', ['t'], () => Promise.reject(new Error('disk full')));
    await expect(carrier.publish([message])).rejects.toMatchObject({ errorClass: 'dependency' });
    await stop();
    await carrier.publish([message]);
    expect(heard).toHaveLength(2);
  });

  it('lets whoever waits go when it closes', async () => {
    const carrier = createInProcessCarrier({ expects: { t: ['never'] } });
    const published = expect(carrier.publish([message])).rejects.toMatchObject({ code: 'CARRIER_UNAVAILABLE' });
    await carrier.close();
    await published;
  });
});
