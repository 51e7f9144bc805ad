/** How the amounts of an asset are written. */
import { useQuery } from '@tanstack/react-query';
import type { Asset } from './amounts.ts';
import { assetsQuery, type AssetRow } from './queries.ts';

/** All of them, by their code; undefined until they are there. */
export function useAssets(): { query: ReturnType<typeof useAssetsQuery>; assetOf: (code: string) => Asset } {
  const query = useAssetsQuery();
  const assetOf = (code: string): Asset => ({ code, scale: find(query.data, code)?.scale ?? 0 });
  return { query, assetOf };
}

function useAssetsQuery() {
  return useQuery(assetsQuery);
}

function find(assets: readonly AssetRow[] | undefined, code: string): AssetRow | undefined {
  return assets?.find((asset) => asset.code === code);
}
