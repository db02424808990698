import { RedcapRefusedError } from './errors';

/** What is about to be lost, named a second time by whoever decided it: not copied from the request. */
export interface Intent {
  confirm: readonly string[];
}

/** Refuses a call whose intent names something else than the call. Nothing was sent then. */
export function needIntent(items: readonly string[], intent: Intent): void {
  const confirmed = new Set(intent.confirm);
  const same = confirmed.size === new Set(items).size && items.every((item) => confirmed.has(item));
  if (items.length === 0 || !same) {
    throw new RedcapRefusedError(
      `A deletion or rename names ${items.length} item(s), and its intent ${confirmed.size}: they must be the same.`,
      'REDCAP_INTENT',
    );
  }
}
