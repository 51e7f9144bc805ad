/** What one can do without a mouse. */
import { useEffect, useRef } from 'react';

const KEYS = [
  ['/', 'Search'],
  ['g o', 'Overview'],
  ['g w', 'Wallets'],
  ['g t', 'Transfers'],
  ['g f', 'Feed'],
  ['g i', 'Import'],
  ['g h', 'Holds and expiry'],
  ['g l', 'Assets and limits'],
  ['g r', 'Reports'],
  ['g a', 'Audit'],
  ['g k', 'Webhooks'],
  ['j, k', 'Down and up in a table'],
  ['Enter', 'Open the row'],
  ['t, b, s', 'In a wallet: top up, bonus, spend'],
  ['r', 'In a transfer: reverse'],
  ['Esc', 'Close'],
  ['?', 'These keys'],
] as const;

const SECOND_WITHIN_MS = 1_500;

/** One key, or two after another. Whoever types into a field means the field. */
export function useKeys(actions: Readonly<Record<string, () => void>>): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    let first = '';
    let firstAt = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      const pair = event.timeStamp - firstAt < SECOND_WITHIN_MS ? `${first} ${event.key}` : event.key;
      const action = latest.current[pair] ?? latest.current[event.key];
      [first, firstAt] = [event.key, event.timeStamp];
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

/** From row to row of the tables on the screen: to the first link of each. */
export function useRows(): void {
  useKeys({ j: () => move(1), k: () => move(-1) });
}

function move(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('tbody tr')]
    .map((row) => row.querySelector<HTMLElement>('a'))
    .filter((link) => link !== null);
  const here = links.findIndex((link) => link === document.activeElement);
  links[Math.min(Math.max(here + by, 0), links.length - 1)]?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]') !== null
  );
}

export function KeysHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="keys" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl>
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div className="buttons">
        <button type="button" className="primary" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
