/** Downloads of a wallet's history, oldest first. */
import type { Request, RequestHandler, Response } from 'express';
import { sendError } from '../errors.ts';
import { isUuid } from '../values.ts';
import type { Format } from './formats.ts';
import { ParameterError, readParameters } from './parameters.ts';
import type { Sender } from './sender.ts';

interface Period {
  from?: string;
  to?: string;
}

const COLUMNS = [
  'seq',
  'created_at',
  'kind',
  'side',
  'amount',
  'bonus_amount',
  'held_amount',
  'balance',
  'bonus_balance',
  'held_balance',
  'transfer_id',
  'counterparty',
  'idem_key',
  'actor',
  'metadata',
];
const TEXTS = ['counterparty', 'idem_key', 'actor', 'metadata'];

export function sendHistory(sender: Sender, format: Format): RequestHandler {
  return async (req, res) => {
    const id = req.params.id;
    if (!isUuid(id)) {
      sendError(res, 400, 'INVALID_ARGUMENT', 'invalid argument: the wallet id must be a UUID');
      return;
    }
    const period = periodOf(req, res);
    if (!period) return;
    const download = {
      name: `wallet-${id.toLowerCase()}`,
      columns: COLUMNS,
      texts: TEXTS,
      text: 'select * from ledger.wallet_history($1, from_time => $2, to_time => $3)',
      values: [id, period.from, period.to],
    };
    await sender.send(req, res, download, format, async (client) => {
      const { rowCount } = await client.query('select from ledger.wallets where id = $1', [id]);
      if (rowCount === 0) sendError(res, 404, 'WALLET_NOT_FOUND', `wallet not found: ${id}`);
      return rowCount !== 0;
    });
  };
}

function periodOf(req: Request, res: Response): Period | undefined {
  try {
    const period = readParameters(req, { from: 'instant', to: 'instant' });
    if (period.from !== undefined && period.to !== undefined && new Date(period.from) > new Date(period.to)) {
      throw new ParameterError('invalid argument: from must not be after to');
    }
    return period;
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    sendError(res, 400, 'INVALID_ARGUMENT', error.message);
    return undefined;
  }
}
