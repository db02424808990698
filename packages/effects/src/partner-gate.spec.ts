import { setTimeout as sleep } from 'node:timers/promises';
import { StudybridgeError } from '@studybridge/contracts';
import { PartnerGate, PausedError } from './partner-gate';

const away = (retryAfterSeconds?: number): StudybridgeError =>
  new StudybridgeError('Away.', { code: 'AWAY', errorClass: 'dependency', remedy: 'Wait.', retryAfterSeconds });
const refused = new StudybridgeError('No.', { code: 'NO', errorClass: 'participant', remedy: 'Correct it.' });

/** Fails once and tells for how long that closes the gate. */
async function pauseAfter(gate: PartnerGate, error: Error): Promise<number> {
  const before = Date.now();
  await expect(gate.ask(() => Promise.reject(error), false)).rejects.toBe(error);
  return (gate.pausedUntil?.getTime() ?? before) - before;
}

describe('the gate of a partner', () => {
  it('closes for longer each time, never longer than stated, and at least as long as the partner said', async () => {
    const gate = new PartnerGate({ baseDelayMs: 10, maxDelayMs: 40 });
    const pauses: number[] = [];
    for (let failures = 0; failures < 5; failures += 1) {
      const pause = await pauseAfter(gate, away());
      pauses.push(pause);
      await sleep(pause + 1);
    }
    for (const [index, full] of [10, 20, 40, 40, 40].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(full / 2);
      // Generous: the test's own way to the clock counts, too.
      expect(pauses[index]).toBeLessThanOrEqual(full + 500);
    }
    expect(await pauseAfter(gate, away(3))).toBeGreaterThanOrEqual(3_000);
    await expect(gate.ask(() => Promise.resolve(1), false)).rejects.toBeInstanceOf(PausedError);
    expect(await gate.ask(() => Promise.resolve(1), true)).toBe(1);
    expect(gate.open).toBe(true);
  });

  it('stays open for what concerns one participant only', async () => {
    const gate = new PartnerGate({ baseDelayMs: 10_000, maxDelayMs: 10_000 });
    expect(await pauseAfter(gate, refused)).toBe(0);
    expect(gate.open).toBe(true);
  });

  it('lets one try at a time once its pause is over', async () => {
    const gate = new PartnerGate({ baseDelayMs: 2, maxDelayMs: 2 });
    await sleep(await pauseAfter(gate, away()));
    expect(gate.open).toBe(true);
    const leave = gate.enter();
    expect(gate.open).toBe(false);
    leave();
    expect(gate.open).toBe(true);
  });
});
