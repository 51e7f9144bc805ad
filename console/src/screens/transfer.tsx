/** One movement: both sides, who asked for it and with what, and what was taken back of it. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ActionDialog } from '../actions/dialog.tsx';
import { REVERSIBLE, reverse } from '../actions/reverse.ts';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { explainQuery, transferQuery, UUID, walletQuery, type TransferDetail } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { accountInWords, kindInWords } from '../data/words.ts';
import { useKeys } from '../parts/keys.tsx';
import { Amount, Copied, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/transfers/$id');

export function Transfer() {
  const { id } = route.useParams();
  return UUID.test(id) ? <Known id={id} /> : <Empty title="There is no such transfer." />;
}

function Known({ id }: { id: string }) {
  const query = useQuery(transferQuery(id));
  const { query: assets, assetOf } = useAssets();
  return (
    <Shown query={query} lines={8}>
      {(transfer) =>
        transfer === null ? (
          <Empty title="There is no such transfer." />
        ) : (
          assets.data && <Screen transfer={transfer} asset={assetOf(transfer.wallet?.assetCode ?? '')} />
        )
      }
    </Shown>
  );
}

function Screen({ transfer, asset }: { transfer: TransferDetail; asset: Asset }) {
  const { do: action } = route.useSearch();
  const navigate = useNavigate({ from: '/transfers/$id' });
  const mayCorrect = useRight('correct');
  const act = (next: string | undefined): void => void navigate({ search: { do: next } });
  const left = BigInt(transfer.reversible);
  const isReversible = REVERSIBLE.includes(transfer.kind);
  const mayReverse = mayCorrect && isReversible && left > 0n;
  useKeys(mayReverse ? { r: () => act('reverse') } : {});
  return (
    <>
      <div className="title">
        <div>
          <h1>
            {kindInWords(transfer.kind)} of <Amount units={transfer.amount} scale={asset.scale} code={asset.code} />
          </h1>
          <p className="facts">
            <Time at={transfer.createdAt} /> · <Copied text={transfer.id} what="transfer id" isShort />
          </p>
        </div>
        {mayReverse && (
          <div className="actions">
            <button type="button" onClick={() => act('reverse')}>
              Reverse
            </button>
          </div>
        )}
      </div>
      <Sides transfer={transfer} asset={asset} />
      <Facts transfer={transfer} asset={asset} />
      {isReversible && <Reversals transfer={transfer} asset={asset} left={left} />}
      {action === 'reverse' && mayCorrect && isReversible && (
        <ReverseDialog transfer={transfer} asset={asset} onClose={() => act(undefined)} />
      )}
    </>
  );
}

interface ReverseProps {
  transfer: TransferDetail;
  asset: Asset;
  onClose: () => void;
  /** Where the wallet was merged, its successor gives and gets. */
  line?: readonly string[];
}

function ReverseDialog({ transfer, asset, onClose, line = [transfer.walletId] }: ReverseProps) {
  const id = line.at(-1) ?? transfer.walletId;
  const { data: wallet } = useQuery(walletQuery(id));
  const { data: parts } = useQuery(explainQuery(id));
  if (!wallet || !parts) return null;
  const { mergedInto } = wallet;
  if (mergedInto) {
    return <ReverseDialog transfer={transfer} asset={asset} onClose={onClose} line={[...line, mergedInto.id]} />;
  }
  const action = reverse({ transfer, asset, wallet, parts, line });
  return <ActionDialog action={action} subject={transfer.id} onClose={onClose} />;
}

function Sides({ transfer, asset }: { transfer: TransferDetail; asset: Asset }) {
  const { debitEntry, creditEntry, amount } = transfer;
  const entry = debitEntry ?? creditEntry;
  if (amount === '0' || !entry) return null;
  return (
    <div className="sides">
      <Side what="From" account={entry.debit} wallet={debitEntry?.wallet} />
      <p className="arrow" aria-hidden="true">
        <Amount units={amount} scale={asset.scale} code={asset.code} />
      </p>
      <Side what="To" account={entry.credit} wallet={creditEntry?.wallet} />
    </div>
  );
}

interface SideProps {
  what: string;
  account: string;
  wallet: { id: string; ownerId: string } | null | undefined;
}

function Side({ what, account, wallet }: SideProps) {
  return (
    <div className="side">
      <p className="faint">{what}</p>
      {wallet ? (
        <Link to="/wallets/$id" params={{ id: wallet.id }}>
          {wallet.ownerId}
        </Link>
      ) : (
        <p>{accountInWords(account)}</p>
      )}
    </div>
  );
}

function Facts({ transfer, asset }: { transfer: TransferDetail; asset: Asset }) {
  const { wallet, reversedTransfer: original, linkedEntry: linked } = transfer;
  const { assetOf } = useAssets();
  const metadata = JSON.stringify(transfer.metadata, null, 2);
  const facts: [string, ReactNode][] = [
    [
      'Wallet',
      wallet && (
        <Link to="/wallets/$id" params={{ id: wallet.id }}>
          {wallet.ownerId}, {wallet.assetCode}
        </Link>
      ),
    ],
    ['Bonus part', <Amount units={transfer.bonusAmount} scale={asset.scale} key="bonus" />],
    [
      'Asked for by',
      <span className="mono" key="actor">
        {transfer.actor}
      </span>,
    ],
    [
      'Idempotency key',
      transfer.idemKey === null ? undefined : <Copied text={transfer.idemKey} what="key" key="key" />,
    ],
    [
      'Amount asked for',
      transfer.requestedAmount === null ? (
        'all there was'
      ) : (
        <Amount units={transfer.requestedAmount} scale={asset.scale} />
      ),
    ],
    ['Expires', transfer.expiresAt === null ? undefined : <Time at={transfer.expiresAt} key="expires" />],
    [
      'Hold',
      transfer.holdId === null || transfer.holdId === transfer.id ? undefined : (
        <Link to="/transfers/$id" params={{ id: transfer.holdId }} search={{ do: undefined }}>
          the hold that it ended
        </Link>
      ),
    ],
    [
      'Takes back',
      original && (
        <Link to="/transfers/$id" params={{ id: original.id }} search={{ do: undefined }}>
          {kindInWords(original.kind)} of <Amount units={original.amount} scale={asset.scale} />
        </Link>
      ),
    ],
    [
      'Booked with',
      linked && (
        <Link to="/transfers/$id" params={{ id: linked.transferId }} search={{ do: undefined }}>
          <Amount
            units={linked.amount}
            scale={assetOf(linked.wallet?.assetCode ?? '').scale}
            code={linked.wallet?.assetCode}
          />
        </Link>
      ),
    ],
    ['Metadata', metadata === '{}' ? undefined : <pre key="metadata">{metadata}</pre>],
  ];
  return (
    <section aria-labelledby="request">
      <h2 id="request">Request</h2>
      <dl className="list">
        {facts
          .filter(([, value]) => value !== undefined && value !== null)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}

function Reversals({ transfer, asset, left }: { transfer: TransferDetail; asset: Asset; left: bigint }) {
  const { nodes } = transfer.reversals;
  return (
    <section aria-labelledby="reversals">
      <h2 id="reversals">Reversals</h2>
      <p>
        <Amount units={left} scale={asset.scale} code={asset.code} />{' '}
        {nodes.length === 0
          ? 'can be reversed.'
          : left === 0n
            ? 'are left: all of it was reversed.'
            : 'are left to reverse.'}
      </p>
      {nodes.length > 0 && (
        <ul className="tree">
          {nodes.map((reversal) => (
            <li key={reversal.id}>
              <Link to="/transfers/$id" params={{ id: reversal.id }} search={{ do: undefined }}>
                <Amount units={reversal.amount} scale={asset.scale} />
              </Link>{' '}
              <Time at={reversal.createdAt} /> by <span className="mono">{reversal.actor}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
