import { type Cause, StudybridgeError } from '@studybridge/contracts';
import type { EffectResult } from './executor';

/** An effect as the ledger holds it. */
export interface EffectRow {
  key: string;
  kind: string;
  participant_id: string;
  binding: string;
  study: string;
  stops: boolean;
  pace: string | null;
  cause: Cause;
  correlation_id: string;
  body: string;
  expires_at: Date | null;
  state: 'planned' | 'attempting' | 'answered' | 'done' | 'refused' | 'in-doubt' | 'expired' | 'cancelled';
  attempts: number;
  failures: number;
  result: EffectResult['state'] | null;
  outcome: string | null;
  error_code: string | null;
  error_class: StudybridgeError['errorClass'] | null;
  error_message: string | null;
  error_remedy: string | null;
}

/** The context that an effect's body is sealed for. */
export const bodyContext = (key: string): string => `effect:${key}`;
/** The context that an effect's outcome is sealed for. */
export const outcomeContext = (key: string): string => `effect-outcome:${key}`;

/** The error columns of a result. */
export function errorColumns(result: EffectResult): (string | null)[] {
  if (result.state !== 'refused') return [null, null, null, null];
  const { code, errorClass, message, remedy } = result.error;
  return [code, errorClass, message, remedy];
}

/** The error that was noted. */
export function notedError(row: EffectRow): StudybridgeError {
  return new StudybridgeError(row.error_message ?? 'The partner refused it.', {
    code: row.error_code ?? 'EFFECT_FAILED',
    errorClass: row.error_class ?? 'bug',
    remedy: row.error_remedy ?? 'Look at it with `ops effects.list`.',
  });
}
