/** Why the balance is what it is: where its credits come from, until when they count, and what is reserved of them. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import { explainQuery, type BalancePart } from '../data/queries.ts';
import { Amount, Time } from '../parts/shown.tsx';
import { Shown } from '../parts/states.tsx';

const SOURCES: Record<BalancePart['source'], string> = {
  paid: 'Paid for',
  bonus: 'Bonus',
  expiring_bonus: 'Bonus that expires',
  debt: 'Owed to the house',
};

export function Explanation({ id, asset }: { id: string; asset: Asset }) {
  const query = useQuery(explainQuery(id));
  return (
    <section aria-labelledby="why">
      <h2 id="why">Why this balance</h2>
      <Shown query={query} lines={2}>
        {(parts) =>
          parts.length === 0 ? <p className="hint">The wallet is empty.</p> : <Parts parts={parts} asset={asset} />
        }
      </Shown>
    </section>
  );
}

function Parts({ parts, asset }: { parts: readonly BalancePart[]; asset: Asset }) {
  // What is owed is no part of the balance.
  const own = parts.filter(({ source }) => source !== 'debt');
  const all = own.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  return (
    <>
      {own.length > 0 && (
        <svg className="bar" viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">
          {placesOf(own, all).map(({ part, from, width }, place) => (
            <rect
              key={place}
              className={`part ${part.source}${part.holdId === null ? '' : ' held'}`}
              x={from}
              width={Math.max(width - 3, 1)}
              height="24"
            />
          ))}
        </svg>
      )}
      <ul className="parts">
        {parts.map((part, place) => (
          <li key={place}>
            <span className={`dot ${part.source}${part.holdId === null ? '' : ' held'}`} aria-hidden="true" />
            <Amount units={part.amount} scale={asset.scale} />
            <span>
              {SOURCES[part.source]}
              {part.expiresAt !== null && (
                <>
                  {' '}
                  on <Time at={part.expiresAt} />
                </>
              )}
              {part.transferId !== null && (
                <>
                  {', '}
                  <Link to="/transfers/$id" params={{ id: part.transferId }}>
                    from this transfer
                  </Link>
                </>
              )}
              {part.holdId !== null && (
                <>
                  {', reserved by '}
                  <Link to="/transfers/$id" params={{ id: part.holdId }}>
                    this hold
                  </Link>
                </>
              )}
              {part.source !== 'debt' &&
                part.holdId === null &&
                part.available !== part.amount &&
                ', expired and not booked yet'}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** A picture needs no more than a thousandth; the amounts stand beside it. */
function placesOf(parts: readonly BalancePart[], all: bigint): { part: BalancePart; from: number; width: number }[] {
  let from = 0;
  return parts.map((part) => {
    const width = all === 0n ? 0 : Number((BigInt(part.amount) * 1000n) / all);
    const place = { part, from, width };
    from += width;
    return place;
  });
}
