import { z } from 'zod';

const order = z.discriminatedUnion('order', [
  /** Stop at this point the next time, and say so. */
  z.object({ order: z.literal('arm'), point: z.string() }),
  z.object({ order: z.literal('disarm') }),
  /** Go on from the point. */
  z.object({ order: z.literal('go') }),
]);
/** What the referee tells a service that is under its proof. */
export type Order = z.infer<typeof order>;

/** Whether a message is one of the referee's orders. */
export function isOrder(message: unknown): message is Order {
  return order.safeParse(message).success;
}

const fromService = z.object({ reached: z.string() });
/** What a service under proof tells the referee: it stands at a point and waits. */
export type FromService = z.infer<typeof fromService>;

/** Whether a message is a service's. */
export function isFromService(message: unknown): message is FromService {
  return fromService.safeParse(message).success;
}
