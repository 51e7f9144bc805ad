/** How limits became what they are, newest first: what each setting changed. */
import { LIMIT_NAMES } from '../actions/limits.ts';
import type { Limits } from '../actions/mutations.ts';
import { formatAmount, type Asset } from '../data/amounts.ts';
import { Time } from './shown.tsx';

export interface LimitSetting {
  seq: number;
  actor: string;
  createdAt: string;
  limits: Limits;
}

/** `settings`: newest first; what a missing limit means. */
export function LimitHistory({
  settings,
  asset,
  none,
}: {
  settings: readonly LimitSetting[];
  asset: Asset;
  none: string;
}) {
  const show = (units: string | null | undefined): string => (units ? formatAmount(units, asset.scale) : none);
  return (
    <ol className="events">
      {settings.map(({ seq, actor, createdAt, limits }, place) => {
        const before = settings[place + 1]?.limits;
        const changed = LIMIT_NAMES.filter(([name]) => (before?.[name] ?? null) !== limits[name]);
        return (
          <li key={seq}>
            <Time at={createdAt} /> by <span className="mono">{actor}</span>
            <ul className="changes">
              {changed.map(([name, label]) => (
                <li key={name}>
                  {label}{' '}
                  <span className="number">
                    {show(before?.[name])} → {show(limits[name])}
                  </span>
                </li>
              ))}
              {changed.length === 0 && <li>None of the amounts changed.</li>}
            </ul>
          </li>
        );
      })}
    </ol>
  );
}
