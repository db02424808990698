import type { TwilioCall } from './call';

const largest = 1_000;
const usual = 50;

/**
 * One page of a list as the 2010 API tells it, with the addresses of the first, the next and the previous one. A page begins after
 * the item that its token names, so that what is new meanwhile does not shift it.
 */
export function pageOf<T extends { sid: string }>(
  call: TwilioCall,
  name: string,
  items: readonly T[],
  show: (item: T) => Record<string, unknown>,
): Record<string, unknown> {
  const size = Math.min(largest, Math.max(1, Math.floor(Number(call.query.get('PageSize') ?? usual)) || usual));
  const page = Math.max(0, Math.floor(Number(call.query.get('Page') ?? 0)) || 0);
  const after = call.query.get('PageToken')?.replace(/^PA/, '');
  const found = after === undefined ? -1 : items.findIndex(({ sid }) => sid === after);
  const start = found >= 0 ? found + 1 : page * size;
  const shown = items.slice(start, start + size);
  const uri = (number: number, token?: string) => {
    const query = new URLSearchParams(call.query);
    query.set('PageSize', String(size));
    query.set('Page', String(number));
    query.delete('PageToken');
    if (token !== undefined) query.set('PageToken', `PA${token}`);
    return `${call.path}?${query.toString()}`;
  };
  const last = shown.at(-1);
  return {
    [name]: shown.map(show),
    page,
    page_size: size,
    start,
    end: shown.length === 0 ? start : start + shown.length - 1,
    uri: `${call.path}${call.query.size > 0 ? `?${call.query.toString()}` : ''}`,
    first_page_uri: uri(0),
    next_page_uri: last && start + size < items.length ? uri(page + 1, last.sid) : null,
    previous_page_uri: page > 0 ? uri(page - 1) : null,
  };
}
