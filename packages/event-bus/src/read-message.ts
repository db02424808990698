import { type Envelope, type EventDefinition, envelopeSchema } from '@studybridge/contracts';
import type { WireMessage } from './carrier';

/** Why a message cannot be worked. */
export type DeadReason = 'UNREADABLE' | 'FOREIGN' | 'UNKNOWN_VERSION' | 'INVALID_PAYLOAD' | 'SEQ_CONFLICT';

/** A message that was understood, or why not, with as much of its head as could be read. */
export type ReadMessage =
  | { ok: true; envelope: Envelope }
  | { ok: false; reason: DeadReason; key: string | null; seq: number | null; id: string | null };

/**
 * Understands a message of a topic: an envelope of ours, said under its own topic and key, of a version that we know. An
 * older payload is lifted to ours (`upcast`), and what its schema does not name is left out (tolerant reader).
 */
export function readMessage(
  message: Pick<WireMessage, 'topic' | 'key' | 'value'>,
  event: EventDefinition<unknown>,
): ReadMessage {
  let raw: unknown;
  try {
    raw = JSON.parse(message.value);
  } catch {
    return { ok: false, reason: 'UNREADABLE', key: null, seq: null, id: null };
  }
  const head = envelopeSchema.safeParse(raw);
  if (!head.success) return { ok: false, reason: 'FOREIGN', key: null, seq: null, id: null };
  const { type, key, seq, id, version } = head.data;
  const dead = (reason: DeadReason): ReadMessage => ({ ok: false, reason, key, seq, id });
  if (type !== event.type || key !== message.key) return dead('FOREIGN');
  let payload = head.data.payload;
  if (version > event.version) return dead('UNKNOWN_VERSION');
  for (let from = version; from < event.version; from += 1) {
    const lift = event.upcast?.[from];
    if (lift === undefined) return dead('UNKNOWN_VERSION');
    try {
      payload = lift(payload);
    } catch {
      return dead('INVALID_PAYLOAD');
    }
  }
  const checked = event.schema.safeParse(payload);
  if (!checked.success) return dead('INVALID_PAYLOAD');
  return { ok: true, envelope: { ...head.data, version: event.version, payload: checked.data } };
}

/** What the outbox keeps of an envelope beside its text, or null when it is none of ours. */
export function headOf(
  value: string,
): { key: string; seq: number; id: string; version: number; correlationId: string } | null {
  let raw: unknown;
  try {
    raw = JSON.parse(value);
  } catch {
    return null;
  }
  const head = envelopeSchema.safeParse(raw);
  if (!head.success || !value.startsWith('{"seq":')) return null;
  const { key, seq, id, version, correlationId } = head.data;
  return { key, seq, id, version, correlationId };
}
