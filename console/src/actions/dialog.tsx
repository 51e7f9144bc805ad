/** The one dialog of all actions: it asks, says what will happen, sends, and stays until the outcome is known. */
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useId, useRef, useState } from 'react';
import { decimalOf, formatAmount, parseAmount } from '../data/amounts.ts';
import { CallError } from '../data/api.ts';
import { factsInWords, refusalInWords } from '../data/words.ts';
import type { Action, Done, Field, Values } from './action.ts';
import { draftOf, dropDraft, keepDraft } from './draft.ts';

type Phase =
  | { is: 'asking' }
  | { is: 'sending' }
  | { is: 'refused'; error: CallError }
  | { is: 'unanswered'; looked: boolean }
  | { is: 'done'; done: Done };

interface Props {
  action: Action;
  /** What it is about: a draft belongs to it. */
  subject: string;
  onClose: () => void;
}

export function ActionDialog({ action, subject, onClose }: Props) {
  const scope = `${action.name}.${subject}`;
  const [draft, setDraft] = useState(() => draftOf(scope, typedOf(action)));
  const [phase, setPhase] = useState<Phase>(draft.isSent ? { is: 'unanswered', looked: false } : { is: 'asking' });
  const [isTouched, setTouched] = useState(false);
  const queries = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();

  useEffect(() => dialog.current?.showModal(), []);

  const { values, problems } = readFields(action, draft.values);
  const isReady = Object.keys(problems).length === 0;
  const isLocked = phase.is === 'sending' || phase.is === 'unanswered' || phase.is === 'done';

  function change(name: string, value: string): void {
    const next = { ...draft, values: { ...draft.values, [name]: value } };
    setDraft(next);
    keepDraft(scope, next);
    if (phase.is === 'refused') setPhase({ is: 'asking' });
  }

  async function settle(work: () => Promise<Done | undefined>): Promise<void> {
    setPhase({ is: 'sending' });
    try {
      const done = await work();
      if (done) {
        dropDraft(scope);
        setPhase({ is: 'done', done });
      } else {
        setPhase({ is: 'unanswered', looked: true });
      }
      await queries.invalidateQueries();
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const isUsed = error.code === 'IDEMPOTENCY_KEY_REUSED';
      if (error.trouble === 'refused' && !isUsed) {
        // Nothing was booked: the key is free, and what was asked for may be changed.
        const next = { ...draft, isSent: false };
        setDraft(next);
        keepDraft(scope, next);
        setPhase({ is: 'refused', error });
      } else {
        setPhase({ is: 'unanswered', looked: false });
      }
    }
  }

  function send(): void {
    const next = { ...draft, isSent: true };
    setDraft(next);
    keepDraft(scope, next);
    void settle(() => action.send(values, draft.key));
  }

  function submit(event: { preventDefault: () => void }): void {
    event.preventDefault();
    setTouched(true);
    if (isReady) send();
    else dialog.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }

  return (
    <dialog ref={dialog} className="action" aria-labelledby={title} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <h2 id={title}>{action.title}</h2>
        {action.fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            unit={field.type === 'amount' ? action.asset?.code : undefined}
            value={draft.values[field.name] ?? ''}
            problem={isTouched ? problems[field.name] : undefined}
            isLocked={isLocked}
            onChange={(value) => change(field.name, value)}
          />
        ))}
        {phase.is !== 'done' && (
          <p className="sentence" aria-live="polite">
            {isReady ? action.sentence(values) : 'What will happen stands here before you send it.'}
          </p>
        )}
        <div role="status">
          <Outcome phase={phase} action={action} />
        </div>
        <div className="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {phase.is === 'done' ? 'Close' : 'Cancel'}
          </button>
          {phase.is === 'unanswered' && (
            <>
              {phase.looked && (
                <button type="button" onClick={send}>
                  Send it again
                </button>
              )}
              <button
                type="button"
                className="primary"
                onClick={() => void settle(() => action.check(values, draft.key))}
              >
                Check
              </button>
            </>
          )}
          {(phase.is === 'asking' || phase.is === 'refused' || phase.is === 'sending') && (
            <button className={action.isGrave ? 'primary grave' : 'primary'} disabled={phase.is === 'sending'}>
              {phase.is === 'sending' ? 'One moment…' : action.button}
            </button>
          )}
        </div>
        {action.fields.some(({ name }) => name === 'amount') && (
          <p className="key" title="Whatever is sent for this carries this key, so it is booked once at most.">
            Key {draft.key}
          </p>
        )}
      </form>
    </dialog>
  );
}

function Outcome({ phase, action }: { phase: Phase; action: Action }) {
  const { asset } = action;
  if (phase.is === 'done') {
    const { text, link } = phase.done;
    return (
      <p className="outcome good">
        {text}{' '}
        {link?.to === 'transfer' && (
          <Link to="/transfers/$id" params={{ id: link.id }}>
            See the transfer
          </Link>
        )}
        {link?.to === 'wallet' && (
          <Link to="/wallets/$id" params={{ id: link.id }}>
            See the wallet
          </Link>
        )}
      </p>
    );
  }
  if (phase.is === 'refused') {
    const { code, message, detail } = phase.error;
    const facts = factsInWords(detail, asset && ((units) => `${formatAmount(units, asset.scale)} ${asset.code}`));
    return (
      <div className="outcome bad">
        <p>
          <strong>{refusalInWords(code, message)}</strong> Nothing was booked.
        </p>
        {code === 'INVALID_ARGUMENT' && <p>{message}</p>}
        {facts.length > 0 && (
          <dl>
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
        <p className="code">{code}</p>
      </div>
    );
  }
  if (phase.is === 'unanswered') {
    return (
      <p className="outcome unsure">
        {phase.looked
          ? 'It has not been done so far. Sent again it is done once, whatever becomes of the first try.'
          : 'It was sent, and no answer came. Check whether it was done.'}
      </p>
    );
  }
  return null;
}

interface InputProps {
  field: Field;
  unit: string | undefined;
  value: string;
  problem: string | undefined;
  isLocked: boolean;
  onChange: (value: string) => void;
}

function Input({ field, unit, value, problem, isLocked, onChange }: InputProps) {
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
        {unit !== undefined && <span className="unit"> in {unit}</span>}
        {isOptional && <span className="optional"> optional</span>}
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

/** What the fields show at first: amounts as people write them. */
function typedOf({ fields, initial = {}, asset }: Action): Values {
  return Object.fromEntries(
    fields.map(({ name, type }) => {
      const value = initial[name] ?? '';
      return [name, type === 'amount' && value !== '' && asset ? decimalOf(BigInt(value), asset.scale) : value];
    }),
  );
}

function readFields({ fields, asset }: Action, typed: Values): { values: Values; problems: Values } {
  const values: Values = {};
  const problems: Values = {};
  for (const { name, type, isOptional, label } of fields) {
    const text = (typed[name] ?? '').trim();
    if (text === '') {
      values[name] = '';
      if (!isOptional) problems[name] = type === 'amount' ? 'Say how much.' : `${label} is missing.`;
    } else if (type === 'amount' && asset) {
      const units = parseAmount(text, asset);
      if (typeof units === 'string') problems[name] = units;
      else values[name] = String(units);
    } else if (type === 'moment') {
      const moment = new Date(text);
      if (Number.isNaN(moment.getTime())) problems[name] = 'This is no date and time.';
      else values[name] = moment.toISOString();
    } else {
      values[name] = text;
    }
  }
  return { values, problems };
}
