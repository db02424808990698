import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';

/**
 * A transport for axios that asks a last time when the request has its connection, right before its bytes leave: connecting takes
 * long enough for a process to be frozen in it. What `check` throws destroys the request, of which nothing was sent.
 */
export function checkedTransport(check: () => void): {
  request(options: RequestOptions, onResponse: (response: IncomingMessage) => void): ClientRequest;
} {
  return {
    request(options, onResponse) {
      const secure = options.protocol === 'https:';
      const request = (secure ? https : http).request(options, onResponse);
      const ask = (): void => {
        try {
          check();
        } catch (error) {
          request.destroy(error as Error);
        }
      };
      request.once('socket', (socket) => {
        // Before the listener that writes what was waiting for the connection.
        if (socket.connecting) socket.prependOnceListener(secure ? 'secureConnect' : 'connect', ask);
        else ask();
      });
      return request;
    },
  };
}
