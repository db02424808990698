import { createHash } from 'node:crypto';
import type { SenderSetting } from './senders-setting';

/** Who messages leave from. */
export interface Sender {
  /** E.164, a short code, the SID of a Messaging Service; an address for mail. */
  id: string;
  kind: SenderSetting['kind'] | 'mail';
  purpose: 'study' | 'operator';
  binding: string | null;
  /** How fast; null = as fast as it goes. */
  pace: { segmentsPerSecond: number; messageEveryMs: number } | null;
}

/** The senders of the settings. */
export class Senders {
  readonly all: readonly Sender[];

  constructor(settings: readonly SenderSetting[]) {
    this.all = settings.map(({ number, segmentsPerSecond, messageEveryMs, ...rest }) => ({
      ...rest,
      id: number,
      pace: { segmentsPerSecond, messageEveryMs },
    }));
  }

  /** A study's sender for a participant: the same one as long as the list is, because a STOP is kept per sender. */
  forStudy(binding: string, participantId: string): Sender | null {
    const own = this.all.filter((sender) => sender.purpose === 'study' && sender.binding === binding);
    const place = createHash('sha256').update(participantId).digest().readUInt32BE(0) % Math.max(1, own.length);
    return own[place] ?? null;
  }

  /** The number that texts operators: the binding's own, else one for all. Never a study's. */
  forOperator(binding: string): Sender | null {
    const own = this.all.filter((sender) => sender.purpose === 'operator');
    return own.find((sender) => sender.binding === binding) ?? own.find((sender) => sender.binding === null) ?? null;
  }

  byId(id: string): Sender | null {
    return this.all.find((sender) => sender.id === id) ?? null;
  }
}
