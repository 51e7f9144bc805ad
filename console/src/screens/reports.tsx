/** What finance asks: what moved in a period, what each account had at some instant, and a month, closed step by step. */
import { getRouteApi, Link } from '@tanstack/react-router';
import { useAssets } from '../data/assets.ts';
import { useRight } from '../data/rights.ts';
import { Empty, NoRight, Shown } from '../parts/states.tsx';
import type { ReportView } from '../router.tsx';
import { ActivityReport } from './report_activity.tsx';
import { BalancesReport } from './report_balances.tsx';
import { MonthReport } from './report_month.tsx';

const VIEWS = {
  activity: { label: 'Activity', Screen: ActivityReport },
  balances: { label: 'Balances', Screen: BalancesReport },
  month: { label: 'Close a month', Screen: MonthReport },
} satisfies Record<ReportView, object>;

const route = getRouteApi('/reports');

export function Reports() {
  const mayAccount = useRight('account');
  const { query: assets, assetOf } = useAssets();
  const { view = 'activity', asset } = route.useSearch();
  if (!mayAccount) return <NoRight />;
  const { Screen } = VIEWS[view];
  return (
    <>
      <div className="title">
        <h1>Reports</h1>
        <nav className="views" aria-label="Reports">
          {Object.entries(VIEWS).map(([name, { label }]) => (
            <Link
              key={name}
              to="/reports"
              search={(now) => ({ ...now, view: name as ReportView })}
              className={name === view ? 'active' : ''}
              aria-current={name === view ? 'page' : undefined}
            >
              {label}
            </Link>
          ))}
        </nav>
      </div>
      <Shown query={assets}>
        {(all) => {
          const code = asset ?? all[0]?.code;
          if (code === undefined) return <Empty title="There are no assets yet." />;
          return <Screen key={code} codes={all.map((one) => one.code)} asset={assetOf(code)} />;
        }}
      </Shown>
    </>
  );
}
