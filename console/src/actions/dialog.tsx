/** The one dialog of all actions: it asks, says what will happen, sends, and stays until the outcome is known. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState } from 'react';
import { CallError } from '../data/api.ts';
import type { Action, Done } from './action.ts';
import { draftOf, dropDraft, keepDraft, type Draft } from './draft.ts';
import { Input, readFields, typedOf, useOther } from './fields.tsx';
import { Outcome, type Phase } from './outcome.tsx';

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
  const other = useOther(action, draft.values);

  useEffect(() => dialog.current?.showModal(), []);

  const { values, problems } = readFields(action, draft.values, other);
  const isReady = Object.keys(problems).length === 0;
  const isLocked = phase.is === 'sending' || phase.is === 'unanswered' || phase.is === 'done';
  // What was said when it was sent goes on standing there: figures may have changed by it.
  const sentence = isLocked ? draft.sentence : isReady ? action.sentence(values, other ?? undefined) : undefined;

  function keep(next: Draft): void {
    setDraft(next);
    keepDraft(scope, next);
  }

  function change(name: string, value: string): void {
    keep({ ...draft, values: { ...draft.values, [name]: value } });
    if (phase.is === 'refused') setPhase({ is: 'asking' });
  }

  async function settle(work: () => Promise<Done | undefined>): Promise<void> {
    setPhase({ is: 'sending' });
    try {
      const done = await work();
      if (done) dropDraft(scope);
      setPhase(done ? { is: 'done', done } : { is: 'unanswered', looked: true });
      await queries.invalidateQueries();
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const isUsed = error.code === 'IDEMPOTENCY_KEY_REUSED';
      if (error.trouble === 'refused' && !isUsed) {
        // Nothing was booked: the key is free, and what was asked for may be changed.
        keep({ ...draft, isSent: false });
        setPhase({ is: 'refused', error });
      } else {
        setPhase({ is: 'unanswered', looked: false });
      }
    }
  }

  function send(): void {
    keep({ ...draft, isSent: true, ...(sentence !== undefined && { sentence }) });
    void settle(() => action.send(values, draft.key));
  }

  function submit(event: { preventDefault: () => void }): void {
    event.preventDefault();
    setTouched(true);
    if (isReady) send();
    else dialog.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }

  function close(): void {
    // Who closes what was not sent has thought better of it.
    if (!draft.isSent) dropDraft(scope);
    onClose();
  }

  return (
    <dialog ref={dialog} className="action" aria-labelledby={title} onClose={close}>
      <form onSubmit={submit} noValidate>
        <h2 id={title}>{action.title}</h2>
        {action.fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            unit={field.assetOf ? field.assetOf(draft.values) : action.asset}
            value={draft.values[field.name] ?? ''}
            problem={isTouched ? problems[field.name] : undefined}
            isLocked={isLocked}
            onChange={(value) => change(field.name, value)}
          />
        ))}
        {phase.is !== 'done' && (
          <p className="sentence" aria-live="polite">
            {sentence ?? 'What will happen stands here before you send it.'}
          </p>
        )}
        <div role="status">
          <Outcome phase={phase} asset={action.asset} />
        </div>
        <div className="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {phase.is === 'done' ? 'Close' : 'Cancel'}
          </button>
          {phase.is === 'unanswered' && (
            <>
              {phase.looked && (
                <button type="button" disabled={!isReady} onClick={send}>
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
        {action.isKeyed && (
          <p className="key" title="Whatever is sent for this carries this key, so it is booked once at most.">
            Key {draft.key}
          </p>
        )}
      </form>
    </dialog>
  );
}
