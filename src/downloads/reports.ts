/** Columns and parameters of the financial reports; the database computes them. */
import type { Request, RequestHandler } from 'express';
import { nameOfCode, publicError, sendError, sendPublicError } from '../errors.ts';
import type { Format, Table } from './formats.ts';
import { ParameterError, readParameters } from './parameters.ts';
import type { Sender } from './sender.ts';

export interface Report extends Table {
  name: string;
  /** In the order of the query's placeholders. */
  parameters: Readonly<Record<string, 'instant' | 'text'>>;
  required: readonly string[];
  text: string;
}

export const REPORTS: readonly Report[] = [
  {
    name: 'balances',
    parameters: { at: 'instant', asset: 'text' },
    required: ['at'],
    text: 'select * from ledger.ledger_balances_at(at_times => array[$1::timestamptz], asset_code => $2)',
    columns: ['at_time', 'asset_code', 'account', 'side', 'balance', 'bonus_balance', 'final'],
    texts: [],
  },
  {
    name: 'activity',
    parameters: { asset: 'text', from: 'instant', to: 'instant', bucket: 'text', tz: 'text' },
    required: ['asset', 'from', 'to'],
    text: `select * from ledger.ledger_activity(
      asset_code => $1, from_time => $2, to_time => $3, bucket => coalesce($4, 'day'), time_zone => coalesce($5, 'UTC'))`,
    columns: ['from_time', 'to_time', 'kind', 'debit', 'credit', 'movements', 'amount', 'bonus_amount', 'final'],
    texts: [],
  },
  {
    name: 'trial-balance',
    parameters: { asset: 'text' },
    required: [],
    text: 'select * from ledger.ledger_trial_balance(asset_code => $1)',
    columns: ['asset_code', 'account', 'debit', 'credit'],
    texts: [],
  },
  {
    name: 'journal',
    parameters: { asset: 'text', from: 'instant', to: 'instant', after: 'text' },
    required: ['from', 'to'],
    text: 'select * from ledger.ledger_journal(asset_code => $1, from_time => $2, to_time => $3, after => $4)',
    columns: [
      'cursor',
      'counted_at',
      'created_at',
      'transfer_id',
      'kind',
      'asset_code',
      'side',
      'account',
      'wallet_id',
      'amount',
      'bonus_amount',
      'reverses',
      'idem_key',
      'actor',
      'final',
    ],
    texts: ['idem_key', 'actor'],
  },
];

/** HTTP statuses of the ledger's refusals. */
const STATUSES: Readonly<Record<string, number>> = { INVALID_ARGUMENT: 400, FORBIDDEN: 403, ASSET_NOT_FOUND: 404 };

export function sendReport(sender: Sender, report: Report, format: Format): RequestHandler {
  return async (req, res) => {
    try {
      const values = valuesOf(req, report);
      await sender.send(req, res, { ...report, values }, format);
    } catch (error) {
      if (error instanceof ParameterError) {
        sendError(res, 400, 'INVALID_ARGUMENT', error.message);
        return;
      }
      const status = STATUSES[nameOfCode(String((error as { code?: unknown }).code))];
      if (status === undefined || res.headersSent) throw error;
      sendPublicError(res, status, publicError(error));
    }
  };
}

function valuesOf(req: Request, report: Report): (string | undefined)[] {
  const given = readParameters<string>(req, report.parameters);
  const missing = report.required.find((name) => given[name] === undefined);
  if (missing !== undefined) throw new ParameterError(`invalid argument: ${missing} is missing`);
  return Object.keys(report.parameters).map((name) => given[name]);
}
