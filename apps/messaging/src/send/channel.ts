import type { Letter, Message } from '../messages/message';
import type { News } from '../messages/news';
import type { Sender } from '../senders/senders';

/** What a provider answered to a letter. */
export type Posted =
  | { state: 'accepted'; sid: string; news: News }
  /** Surely not taken: a code of the error table decides what is done. */
  | { state: 'refused'; code: string };

/** A letter on its way. */
export interface Dispatch {
  message: Message;
  letter: Letter;
  sender: Sender;
  /** Study seconds until the letter is worth nothing: the end of its window. */
  validForS: number;
}

/** How texts or mails leave. One per channel, put into `room.channels` while the module is built. */
export interface Channel {
  /** Whom it calls; with the binding this is what pauses when the provider is away. */
  partner: string;
  /** Who sends this message; null: nobody is set up to. */
  senderOf(message: Message): Sender | null;
  /**
   * Hands the letter over, once. Throws a `dependency` or `setting` StudybridgeError; wrapped in `notMade(…)` of effects when
   * surely nothing was taken, otherwise it counts as unknown and is looked for.
   */
  post(dispatch: Dispatch, signal: AbortSignal): Promise<Posted>;
  /** Looks for a letter of unknown fate. Null = not found, which proves nothing. */
  find(dispatch: Omit<Dispatch, 'validForS'>): Promise<Posted | null>;
  /** What the provider says of an accepted message now; null where nobody can tell (mail). */
  ask: ((sid: string) => Promise<News>) | null;
}
