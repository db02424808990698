import { clearStage, setStage } from './harness';

afterEach(clearStage);

describe('a message that is asked for', () => {
  it('goes out once, is followed to its receipt, and leaves no number, name or text in log, table or metrics', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile: '+16175550142' });
    const request = await stage.others.ask(id, { data: { name: 'Zelda' } });
    await stage.idle();
    expect(stage.received('+16175550142')).toEqual([]);
    await stage.playTo('2018-10-02T16:00:00Z');
    expect(stage.received('+16175550142')).toEqual(['Hello Zelda, please sync your toothbrush']);
    expect(await stage.rows(request)).toMatchObject([{ state: 'delivered', reason: null }]);
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered', reason: null });
    // Asked for again, by whoever, it is the same message.
    await stage.others.ask(id, { requestId: request, data: { name: 'Zelda' } });
    await stage.playTo('2018-10-02T17:00:00Z');
    expect(stage.received('+16175550142')).toHaveLength(1);
    expect(await stage.get('/status')).toMatchObject({
      messaging: { ismile: { due: 0, sent: 1, delivered: 1, held: {}, inDoubt: 0 } },
    });
    const tables = JSON.stringify(await stage.sql('SELECT * FROM message, message_news, effect'));
    const metrics = await (await fetch(`${stage.service.url}/metrics`)).text();
    expect(metrics).toMatch(/studybridge_messages{study="ismile",channel="sms",state="delivered",.*} 1/);
    for (const text of [stage.logged(), tables, metrics]) expect(text).not.toMatch(/Zelda|5550142|toothbrush/);
  });
});
