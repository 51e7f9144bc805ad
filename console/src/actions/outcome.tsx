/** What came of an action. */
import { Link } from '@tanstack/react-router';
import { formatAmount, type Asset } from '../data/amounts.ts';
import type { CallError } from '../data/api.ts';
import { factsInWords, refusalInWords } from '../data/words.ts';
import type { Done } from './action.ts';

export type Phase =
  | { is: 'asking' }
  | { is: 'sending' }
  | { is: 'refused'; error: CallError }
  | { is: 'unanswered'; looked: boolean }
  | { is: 'done'; done: Done };

export function Outcome({ phase, asset }: { phase: Phase; asset: Asset | undefined }) {
  switch (phase.is) {
    case 'done':
      return <Good done={phase.done} />;
    case 'refused':
      return <Refused error={phase.error} asset={asset} />;
    case 'unanswered':
      return (
        <p className="outcome unsure">
          {phase.looked
            ? 'It has not been done so far. Sent again it is done once, whatever becomes of the first try.'
            : 'It was sent, and no answer came. Check whether it was done.'}
        </p>
      );
    default:
      return null;
  }
}

function Good({ done: { text, link } }: { done: Done }) {
  return (
    <p className="outcome good">
      {text}{' '}
      {link && (
        <Link to={link.to === 'wallet' ? '/wallets/$id' : '/transfers/$id'} params={{ id: link.id }}>
          See the {link.to}
        </Link>
      )}
    </p>
  );
}

function Refused({ error, asset }: { error: CallError; asset: Asset | undefined }) {
  const { code, message, detail, hint } = error;
  const facts = factsInWords(detail, asset && ((units) => `${formatAmount(units, asset.scale)} ${asset.code}`));
  return (
    <div className="outcome bad">
      <p>
        <strong>{refusalInWords(code, message)}</strong> Nothing was booked.
      </p>
      {code === 'INVALID_ARGUMENT' && <p>{hint ?? message}</p>}
      {facts.length > 0 && (
        <dl>
          {facts.map(({ name, value, link }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {link ? (
                  <Link to={link === 'wallet' ? '/wallets/$id' : '/transfers/$id'} params={{ id: value }}>
                    this {link}
                  </Link>
                ) : (
                  value
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <p className="code" title={message}>
        {code}
      </p>
    </div>
  );
}
