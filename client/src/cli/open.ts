/** Opens the wallets that rows of a file name, many in a call. */
import { createCall, type CallOptions, type ClientOptions } from '../call.ts';
import { Refused } from '../errors.ts';

/** So many owners are opened in a call. */
const MOST = 5_000;
const OPEN = 'mutation($input:WalletOpenManyInput!){walletOpenMany(input:$input){__typename}}';

/** Opens those of an asset that are not there; a closed one is left as it is. Throws `Refused` where there is no such asset. */
export type OpenMany = (owners: ReadonlySet<string>, asset: string, options?: CallOptions) => Promise<void>;

export function createOpenMany(client: ClientOptions): OpenMany {
  const call = createCall(client);

  /** All or none are opened in a call: one that is closed is left out of the next. */
  async function open(owners: readonly string[], asset: string, options?: CallOptions): Promise<void> {
    for (let left = owners; left.length > 0;) {
      try {
        await call(OPEN, { input: { ownerIds: left, assetCode: asset } }, options);
        return;
      } catch (error) {
        const index = error instanceof Refused && error.code === 'WALLET_CLOSED' ? error.detail.index : undefined;
        if (index === undefined) throw error;
        left = left.filter((_owner, place) => place !== index);
      }
    }
  }

  return async (owners, asset, options) => {
    const all = [...owners];
    for (let from = 0; from < all.length; from += MOST) await open(all.slice(from, from + MOST), asset, options);
  };
}
