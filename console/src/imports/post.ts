/** Parts of a file, sent to the ledger: each row for itself, by its key. */
import { call } from '../data/api.ts';
import { graphql } from '../data/graphql.ts';
import type { Row } from './csv.ts';

const PostEach = graphql(`
  mutation PostEach($input: WalletPostEachInput!) {
    walletPostEach(input: $input) {
      outcomes {
        receipt {
          transferId
          replayed
        }
        refusal {
          code
          message
        }
      }
    }
  }
`);

const OpenMany = graphql(`
  mutation OpenMany($input: WalletOpenManyInput!) {
    walletOpenMany(input: $input) {
      wallets {
        id
      }
    }
  }
`);

/** `found`: its key had been booked before, with the same facts. */
export type Outcome = { is: 'booked' | 'found'; transferId: string } | { is: 'refused'; code: string; message: string };

/** One outcome for each row, in order. Where the answer does not come, the same rows may be sent again: nothing is booked twice. */
export async function post(rows: readonly Row[], opensMissing: boolean): Promise<Outcome[]> {
  const outcomes = await postEach(rows);
  if (!opensMissing) return outcomes;
  const missing = rows.flatMap((row, place) => {
    const outcome = outcomes[place];
    const isMissing = outcome?.is === 'refused' && outcome.code === 'WALLET_NOT_FOUND';
    return isMissing && row.owner !== undefined ? [{ row, place }] : [];
  });
  if (missing.length === 0) return outcomes;
  await open(missing.map(({ row }) => row));
  // All rows of a wallet that was missing are among them, so its order stays that of the file.
  const later = await postEach(missing.map(({ row }) => row));
  missing.forEach(({ place }, index) => {
    const outcome = later[index];
    if (outcome) outcomes[place] = outcome;
  });
  return outcomes;
}

async function postEach(rows: readonly Row[]): Promise<Outcome[]> {
  const { walletPostEach } = await call(PostEach, { input: { requests: rows.map(({ request }) => request) } });
  const outcomes = walletPostEach?.outcomes ?? [];
  if (outcomes.length !== rows.length) throw new Error('The answer has not one outcome for each row');
  return outcomes.map(({ receipt, refusal }): Outcome => {
    if (receipt) return { is: receipt.replayed ? 'found' : 'booked', transferId: receipt.transferId };
    if (refusal) return { is: 'refused', code: refusal.code, message: refusal.message };
    throw new Error('An outcome has neither receipt nor refusal');
  });
}

async function open(rows: readonly Row[]): Promise<void> {
  const byAsset = Map.groupBy(rows, ({ asset }) => asset?.code ?? '');
  for (const [assetCode, ofAsset] of byAsset) {
    const ownerIds = [...new Set(ofAsset.map(({ owner = '' }) => owner))];
    await call(OpenMany, { input: { ownerIds, assetCode } });
  }
}
