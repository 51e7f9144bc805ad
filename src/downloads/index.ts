/** Optional: downloads of a wallet's history and of the financial reports, streamed in constant memory. */
import { Router } from 'express';
import { FORMATS } from './formats.ts';
import { sendHistory } from './history.ts';
import { REPORTS, sendReport } from './reports.ts';
import { Sender, type SenderOptions } from './sender.ts';

export function downloadsRouter(options: SenderOptions): Router {
  const router = Router();
  const sender = new Sender(options);
  for (const format of FORMATS) {
    router.get(`/wallets/:id/history.${format.extension}`, sendHistory(sender, format));
    for (const report of REPORTS)
      router.get(`/reports/${report.name}.${format.extension}`, sendReport(sender, report, format));
  }
  return router;
}
