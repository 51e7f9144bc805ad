/** Amounts, times, ids and states, as every screen shows them. */
import { useState } from 'react';
import { formatAmount } from '../data/amounts.ts';
import { inUtc, shownDay, shownTime } from '../data/times.ts';
import type { WalletDetail } from '../data/queries.ts';

interface AmountProps {
  units: string | bigint;
  scale: number;
  code?: string | undefined;
  /** With its sign, also where it is positive. */
  isChange?: boolean;
}

export function Amount({ units, scale, code, isChange = false }: AmountProps) {
  const value = BigInt(units);
  const sign = isChange && value > 0n ? '+' : '';
  const text = `${sign}${formatAmount(value, scale)}`.replace('-', '−');
  return (
    <span className={isChange ? `number ${value < 0n ? 'less' : 'more'}` : 'number'}>
      {text}
      {code !== undefined && <span className="unit"> {code}</span>}
    </span>
  );
}

export function Time({ at, isDay = false }: { at: string; isDay?: boolean }) {
  return (
    <time dateTime={at} title={inUtc(at)}>
      {isDay ? shownDay(at) : shownTime(at)}
    </time>
  );
}

/** An id or a key: short to the eye, whole in the clipboard. */
export function Copied({ text, what, isShort = false }: { text: string; what: string; isShort?: boolean }) {
  const [isDone, setDone] = useState(false);
  const shown = isShort && text.length > 16 ? `${text.slice(0, 8)}…${text.slice(-4)}` : text;
  return (
    <button
      type="button"
      className="copied"
      title={text}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => setDone(true));
        setTimeout(() => setDone(false), 1500);
      }}
    >
      <span className="mono">{shown}</span>
      <span className="hand">
        {isDone ? 'copied' : 'copy'}
        <span className="unseen"> {what}</span>
      </span>
    </button>
  );
}

const STATUS: Record<WalletDetail['status'], string> = { open: 'Open', frozen: 'Frozen', closed: 'Closed' };

export function Status({ status }: { status: WalletDetail['status'] }) {
  return <span className={`status ${status}`}>{STATUS[status]}</span>;
}
