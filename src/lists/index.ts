/** Lists over all wallets, and filters of a wallet's entries: what support, finance and auditors look for. */
import { FiltersPlugin } from './filters.ts';
import { ListsPlugin } from './lists.ts';

/** After those that page: a list over all wallets pages by itself. */
export const ListsPlugins: readonly GraphileConfig.Plugin[] = [FiltersPlugin, ListsPlugin];
