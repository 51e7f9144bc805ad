/** What came of a file, as a file: each row as it was, with its key, its outcome and why. Mended, it may be imported again. */
import Papa from 'papaparse';
import { refusalInWords } from '../data/words.ts';
import type { Import } from './open.ts';

const ADDED = ['line', 'key', 'outcome', 'transfer_id', 'why'];

export function resultOf({ columns, cells, rows, problems, run }: Import): string {
  const kept = columns.filter((name) => !ADDED.includes(name));
  const keys = new Map(rows.map(({ line, request }) => [line, request.idemKey]));
  const whys = new Map(problems.map(({ line, column, why }) => [line, column === '' ? why : `${column}: ${why}`]));
  const lines = [...cells].map(([line, texts]) => {
    const own = kept.map((name) => texts[columns.indexOf(name)] ?? '');
    const given = texts[columns.indexOf('key')] ?? '';
    const outcome = run.state.outcomes.get(line);
    const [transferId, why] =
      outcome === undefined
        ? ['', whys.get(line) ?? '']
        : outcome.is === 'refused'
          ? ['', `${outcome.code}: ${refusalInWords(outcome.code, outcome.message)}`]
          : [outcome.transferId, ''];
    const is = outcome?.is ?? (whys.has(line) ? 'left out' : 'not posted');
    return [String(line), ...own, keys.get(line) ?? given, is, transferId, why];
  });
  return Papa.unparse([['line', ...kept, 'key', 'outcome', 'transfer_id', 'why'], ...lines], { escapeFormulae: true });
}
