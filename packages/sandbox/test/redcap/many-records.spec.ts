import { fixture, openLab } from './server';

it('fills any project with records that its own rules accept, the same every time', async () => {
  for (const name of ['classic.xml', 'longitudinal.xml', 'clinic.xml', 'caps-demo.xml']) {
    const [lab, twin, empty] = [
      await openLab(fixture(name)),
      await openLab(fixture(name)),
      await openLab(fixture(name)),
    ];
    const before = (await lab.json({ content: 'record' })).length;
    lab.redcap.seedRecords(lab.projectId, 40);
    twin.redcap.seedRecords(twin.projectId, 40);
    const rows = await lab.call({ content: 'record', format: 'json' });
    expect(JSON.parse(rows.body).length).toBeGreaterThanOrEqual(before + 40);
    expect(await twin.call({ content: 'record', format: 'json' })).toEqual(rows);
    const reply = await empty.call({ content: 'record', format: 'json', data: rows.body });
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body).count).toBeGreaterThanOrEqual(40);
    for (const one of [lab, twin, empty]) await one.close();
  }
});

it('streams a large export in bounded memory, whole and well-formed', async () => {
  const lab = await openLab(fixture('clinic.xml'));
  lab.redcap.seedRecords(lab.projectId, 5_000);
  const response = await fetch(lab.url, {
    method: 'POST',
    body: new URLSearchParams({ token: lab.token, content: 'record', format: 'csv' }),
  });
  let bytes = 0;
  let chunks = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    chunks += 1;
  }
  expect(chunks).toBeGreaterThan(10);
  const json = await lab.json({ content: 'record' });
  const csv = (await lab.call({ content: 'record', format: 'csv' })).body;
  expect(Buffer.byteLength(csv)).toBe(bytes);
  expect(csv.split('\n')[0]!.split(',')).toEqual(Object.keys(json[0]));
  await lab.close();
});

it('answers a hundred clients at once, readers and writers, each with its own truth', async () => {
  const lab = await openLab(fixture('classic.xml'));
  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, client) => {
      const id = String(1000 + client);
      for (let n = 0; n < 20; n += 1) {
        const data = JSON.stringify([{ study_id: id, age: String(n), zip: String(10_000 + client) }]);
        const count = await lab.call({ content: 'record', format: 'json', data });
        if (count.body !== '{"count":1}') wrong.push(count.body);
        const asked = { content: 'record', format: 'csv', records: id, fields: 'study_id,age,zip' };
        const { body } = await lab.call(asked);
        if (body !== `study_id,zip,age\n${id},${10_000 + client},${n}\n`) wrong.push(body);
      }
    }),
  );
  expect(wrong).toEqual([]);
  expect(await lab.json({ content: 'record', fields: 'study_id' })).toHaveLength(102);
  const log = await lab.json({ content: 'log', logtype: 'record_edit', record: '1042' });
  expect(log).toHaveLength(19);
  await lab.close();
}, 60_000);
