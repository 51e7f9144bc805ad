/** What a dialog asks for: the fields, what is typed in them, and whether that can be sent. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { decimalOf, parseAmount, type Asset } from '../data/amounts.ts';
import { ownersWalletsQuery, type WalletRow } from '../data/queries.ts';
import type { Action, Field, Values } from './action.ts';

/** So long nobody has typed before a wallet is looked for. */
const SETTLED_MS = 250;

/** The wallet that a field of the type `owner` names; null where there is none, undefined as long as nobody knows. */
export function useOther({ fields, asset }: Action, typed: Values): WalletRow | null | undefined {
  const name = fields.find(({ type }) => type === 'owner')?.name;
  const owner = (name === undefined ? '' : (typed[name] ?? '')).trim();
  const [settled, setSettled] = useState(owner);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(owner), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [owner]);
  const { data } = useQuery({ ...ownersWalletsQuery(settled), enabled: settled !== '' });
  if (settled !== owner || data === undefined) return undefined;
  return data.find(({ assetCode }) => assetCode === asset?.code) ?? null;
}

/** What the fields show at first: amounts as people write them. */
export function typedOf({ fields, initial = {}, asset }: Action): Values {
  return Object.fromEntries(
    fields.map(({ name, type }) => {
      const value = initial[name] ?? '';
      return [name, type === 'amount' && value !== '' && asset ? decimalOf(BigInt(value), asset.scale) : value];
    }),
  );
}

export function readFields(
  action: Action,
  typed: Values,
  other: WalletRow | null | undefined,
): { values: Values; problems: Values } {
  const values: Values = {};
  const problems: Values = {};
  for (const field of action.fields) {
    const text = (typed[field.name] ?? '').trim();
    const read = text === '' ? readEmpty(field) : readText(action, field, { text, typed, other });
    if (typeof read === 'string') values[field.name] = read;
    else problems[field.name] = read.problem;
  }
  return { values, problems };
}

function readEmpty({ isOptional, type, label }: Field): string | { problem: string } {
  if (isOptional) return '';
  return { problem: type === 'amount' ? 'Say how much.' : `${label} is missing.` };
}

interface Read {
  text: string;
  typed: Values;
  other: WalletRow | null | undefined;
}

function readText(
  { asset }: Action,
  { type, assetOf, bounds }: Field,
  { text, typed, other }: Read,
): string | { problem: string } {
  switch (type) {
    case 'amount': {
      const its = assetOf ? assetOf(typed) : asset;
      if (!its) return { problem: 'Choose the asset first.' };
      const units = parseAmount(text, its, { bounds });
      return typeof units === 'string' ? { problem: units } : String(units);
    }
    case 'moment': {
      const moment = new Date(text);
      return Number.isNaN(moment.getTime()) ? { problem: 'This is no date and time.' } : moment.toISOString();
    }
    case 'owner':
      if (other === undefined) return { problem: 'Looking for it…' };
      return other?.id ?? { problem: `There is no wallet of ${asset?.code ?? 'this asset'} of this owner.` };
    default:
      return text;
  }
}

interface InputProps {
  field: Field;
  unit: Asset | undefined;
  value: string;
  problem: string | undefined;
  isLocked: boolean;
  onChange: (value: string) => void;
}

export function Input({ field, unit, value, problem, isLocked, onChange }: InputProps) {
  const id = useId();
  const { label, type, hint, isOptional, choices = [] } = field;
  const note = problem ?? hint;
  const common = {
    id,
    value,
    disabled: isLocked,
    'aria-invalid': problem !== undefined,
    'aria-describedby': note === undefined ? undefined : `${id}-note`,
    'aria-required': !isOptional,
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {type === 'amount' && unit && <span className="unit"> in {unit.code}</span>}
        {isOptional && <span className="optional">{type === 'amount' ? ', optional' : ' optional'}</span>}
      </label>
      {type === 'choice' ? (
        <select {...common} onChange={({ target }) => onChange(target.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type={type === 'moment' ? 'datetime-local' : 'text'}
          inputMode={type === 'amount' ? 'decimal' : undefined}
          className={type === 'amount' ? 'amount' : undefined}
          autoComplete="off"
          maxLength={type === 'text' ? 1000 : undefined}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
      {note !== undefined && (
        <p id={`${id}-note`} className={problem === undefined ? 'hint' : 'problem'}>
          {note}
        </p>
      )}
    </div>
  );
}
