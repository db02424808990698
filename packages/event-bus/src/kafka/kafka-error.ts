import { StudybridgeError } from '@studybridge/contracts';
import { CarrierSettingError, CarrierUnavailableError, MessageRefusedError } from '../bus-errors';

const refused = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP']);
const settings = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'INVALID_REPLICATION_FACTOR',
  'POLICY_VIOLATION',
]);

/** What kafkajs threw, in our words: which message, which setting, or Kafka itself. */
export function kafkaError(error: unknown): StudybridgeError {
  if (error instanceof StudybridgeError) return error;
  const all = chain(error);
  const types = all.map((one) => String(one.type ?? ''));
  if (types.some((type) => refused.has(type)))
    return new MessageRefusedError('Kafka finds it too large or unreadable', error);
  const setting = types.find((type) => settings.has(type));
  if (setting !== undefined || all.some((one) => one.name === 'KafkaJSSASLAuthenticationError')) {
    return new CarrierSettingError(
      `Kafka refuses us (${setting ?? 'login'}).`,
      'Correct the Kafka login or the rights behind it.',
      error,
    );
  }
  const why = types.find((type) => type !== '') ?? all.at(-1)?.name ?? 'no answer';
  return new CarrierUnavailableError(`Kafka does not answer as it should (${why})`, error);
}

interface KafkaFailure {
  name?: string;
  type?: unknown;
}

/** The error and everything that it was caused by or that it gathers. */
function chain(error: unknown): KafkaFailure[] {
  const found: KafkaFailure[] = [];
  const look = (one: unknown, depth: number): void => {
    if (typeof one !== 'object' || one === null || depth > 6) return;
    const failure = one as KafkaFailure & { cause?: unknown; originalError?: unknown; errors?: unknown };
    found.push(failure);
    look(failure.cause, depth + 1);
    look(failure.originalError, depth + 1);
    if (Array.isArray(failure.errors)) for (const inner of failure.errors) look(inner, depth + 1);
  };
  look(error, 0);
  return found;
}
