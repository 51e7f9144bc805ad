/** How far a proof is, on one line of a terminal. */
import type pg from 'pg';

export interface Terminal {
  write(text: string): unknown;
}

/** In place of the line before. */
export function showLine(terminal: Terminal, line: string): void {
  terminal.write(`\r\x1b[K${line}`);
}

/** From now on, what ledger_verify() reports in this session is shown. */
export async function showProgress(client: pg.Client, terminal: Terminal): Promise<void> {
  client.on('notice', ({ message, detail }) => {
    if (message !== 'ledger_verify') return;
    const { proven, rows } = JSON.parse(detail ?? '{}') as { proven: number; rows: number };
    showLine(terminal, `proven: ${proven.toLocaleString('en')} of ${rows.toLocaleString('en')} entries`);
  });
  await client.query("select set_config('ledger.progress', 'on', false)");
}
