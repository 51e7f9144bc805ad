/** Lists over all wallets, read a page at a time. */
import { call, type Session } from './helpers.ts';

export interface Key {
  cursor: string;
  id: string;
  wallet_id?: string;
  seq?: number;
}

export interface Page {
  keys: Key[];
  start_cursor: string | null;
  end_cursor: string | null;
  has_next_page: boolean;
  has_previous_page: boolean;
}

export type Args = Record<string, unknown>;

export const pageOf = (session: Session, list: string, args: Args = {}): Promise<Page> =>
  call<Page>(session, `${list}_page`, args);

/** All pages, from either end, in the order in which they were read. */
export async function pagesOf(
  session: Session,
  list: string,
  args: Args,
  size: number,
  { backwards = false, before = 'before' } = {},
): Promise<Page[]> {
  const pages: Page[] = [];
  for (let place: string | null = null, more = true; more;) {
    const asked: Args = backwards ? { last: size, [before]: place } : { first: size, after: place };
    const page: Page = await pageOf(session, list, { ...args, ...asked });
    pages.push(page);
    more = backwards ? page.has_previous_page : page.has_next_page;
    place = backwards ? page.start_cursor : page.end_cursor;
    if (pages.length > 1000) throw new Error('no end');
  }
  return pages;
}

/** All rows of a list, in its order, read from either end. */
export async function rowsOf(
  session: Session,
  list: string,
  args: Args,
  size: number,
  options: { backwards?: boolean; before?: string } = {},
): Promise<Key[]> {
  const pages = await pagesOf(session, list, args, size, options);
  return (options.backwards ? pages.reverse() : pages).flatMap(({ keys }) => keys);
}
