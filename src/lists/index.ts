/** Optional: lists over all wallets and filters of a wallet's entries, for support, finance and auditors. */
import { FiltersPlugin } from './filters.ts';
import { ListsPlugin } from './lists.ts';

/** These come after the paging plugin: a list over all wallets does its own paging. */
export const ListsPlugins: readonly GraphileConfig.Plugin[] = [FiltersPlugin, ListsPlugin];
