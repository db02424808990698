import type { ServiceContext } from '@studybridge/service-kit';
import type { Message } from './message';

/** The context that a message's data is sealed for: that of `message.requested`. */
export const dataContext = (requestId: string): string => `message:${requestId}`;

/** What the template is filled with. */
export function openData(context: Pick<ServiceContext, 'sealer'>, message: Message): Record<string, string> {
  return context.sealer.open(message.study, dataContext(message.requestId), message.data);
}
