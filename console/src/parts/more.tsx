/** What is done less often, behind one button. */
import { useEffect, useRef, type ReactNode } from 'react';

export function More({ label, children }: { label: string; children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (): void => details.current?.removeAttribute('open');
    const onPointer = ({ target }: Event): void => {
      if (!(target instanceof Node && details.current?.contains(target))) close();
    };
    const onKey = ({ key }: KeyboardEvent): void => {
      if (key !== 'Escape' || !details.current?.open) return;
      close();
      details.current.querySelector('summary')?.focus();
    };
    document.addEventListener('pointerdown', onPointer);
    document.addEventListener('keydown', onKey);
    return () => {
      document.removeEventListener('pointerdown', onPointer);
      document.removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <details ref={details} className="more-actions" onClick={closeAfterChoice}>
      <summary>{label}</summary>
      <div>{children}</div>
    </details>
  );
}

function closeAfterChoice({ target, currentTarget }: React.MouseEvent<HTMLDetailsElement>): void {
  if (target instanceof Element && target.closest('button')) currentTarget.removeAttribute('open');
}
