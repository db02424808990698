import type { Logger } from '@studybridge/service-kit';
import { logLevel, type LogEntry } from 'kafkajs';

/** What kafkajs calls an error or a warning and is everyday life: rebalances, a coordinator that loads, a lost connection. */
const everyday =
  /rebalanc|coordinator is loading|not the coordinator|re-joining|not aware of this member|Group Coordinator Not Available|There is no leader|does not host this topic-partition|Limiting retries for the idempotent|Response (Metadata|Heartbeat|JoinGroup|SyncGroup|OffsetFetch|OffsetCommit|GroupCoordinator|FindCoordinator|Fetch|Produce|InitProducerId|LeaveGroup|ListOffsets|CreateTopics)|Connection (error|timeout|closed)|Closed connection|Request .* timed out|Failed to connect to|Restarting the consumer|Failed to send messages|Crash: KafkaJS(NumberOfRetriesExceeded|NonRetriable|Connection|NoBroker|Protocol)|Disconnecting from/i;

/** Routes the log of kafkajs into ours; never its payloads, and everyday trouble only for debugging (our own log says it once). */
export function kafkaLog(logger: Logger): () => (entry: LogEntry) => void {
  const child = logger.child({ room: 'kafkajs' });
  return () =>
    ({ level, namespace, log }) => {
      const { message, groupId, retryCount, error } = log;
      const said: unknown = error;
      const text = `${namespace === '' ? '' : `${namespace}: `}${message}`;
      const fields = {
        ...(typeof groupId === 'string' ? { groupId } : {}),
        ...(typeof retryCount === 'number' ? { retryCount } : {}),
        ...(typeof said === 'string' ? { said: said.slice(0, 200) } : {}),
      };
      if (level === logLevel.ERROR && !everyday.test(`${text} ${String(said)}`)) child.error(fields, text);
      else if (level === logLevel.WARN && !everyday.test(text)) child.warn(fields, text);
      else child.debug(fields, text);
    };
}
