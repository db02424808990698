import { putUnderProof } from '@studybridge/service-kit';
import { type FromService, isOrder } from './orders';

/**
 * Loaded into a service before its own main (`node -r`): puts the process under the referee's proof. It does nothing but
 * stop unless all of it is true: the referee started the process (there is a channel to it), it names a proof, and
 * this is no production image.
 */
function begin(): void {
  const named = process.env['STUDYBRIDGE_PROOF'];
  if (process.send === undefined || named === undefined || process.env['NODE_ENV'] === 'production') {
    process.stderr.write('A proof was loaded into a process that the referee did not start.\n');
    process.exit(1);
  }
  const off = new Set(named.split(',').filter((name) => name !== ''));
  let armed: string | null = null;
  let goOn: (() => void) | null = null;

  process.on('message', (message) => {
    if (!isOrder(message)) return;
    if (message.order === 'arm') armed = message.point;
    else if (message.order === 'disarm') armed = null;
    else goOn?.();
  });
  // Whoever started us is gone: nobody else would ever stop us.
  process.on('disconnect', () => process.exit(1));
  // A process that was frozen when that happened may have missed it.
  setInterval(() => {
    if (!process.connected) process.exit(1);
  }, 1_000).unref();
  process.channel?.unref();

  putUnderProof({
    off,
    at: (point) => {
      if (armed !== point) return;
      armed = null;
      return new Promise<void>((resolve) => {
        goOn = () => {
          goOn = null;
          resolve();
        };
        process.send?.({ reached: point } satisfies FromService);
      });
    },
  });
}

begin();
