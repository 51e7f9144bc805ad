/** What all reports are of: an asset, and days of the reader's zone. */
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Asset } from '../data/amounts.ts';

export interface ReportProps {
  codes: readonly string[];
  asset: Asset;
}

export function ReportFilters({ codes, asset, children }: ReportProps & { children: ReactNode }) {
  const navigate = useNavigate({ from: '/reports' });
  return (
    <div className="filters">
      <label>
        Asset
        <select
          value={asset.code}
          onChange={({ target }) =>
            void navigate({ search: (now) => ({ ...now, asset: target.value }), replace: true })
          }
        >
          {codes.map((code) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      </label>
      {children}
    </div>
  );
}
