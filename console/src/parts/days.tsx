/** From one day to another. The calendar is large: what else the screen shows does not wait for it. */
import { lazy, Suspense, type ComponentProps } from 'react';

const DateRange = lazy(() => import('./date_range.tsx'));

export function Days(props: ComponentProps<typeof DateRange>) {
  return (
    <Suspense fallback={<div className="range waiting" />}>
      <DateRange {...props} />
    </Suspense>
  );
}
