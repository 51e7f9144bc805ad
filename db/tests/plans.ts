/** The plans by which statements ran, those inside of functions too, as auto_explain tells of them. */
import type pg from 'pg';

/** One look into a table. */
export interface Scan {
  table: string;
  /** By which index; `ctid` where a row's place was known; `none` where the whole table was read. */
  index: string;
  /** How many rows were looked at for it, those that were thrown away too. */
  rows: number;
  statement: string;
}

/** The tables that rows are removed from. */
const EMPTIED = new Set(['open_holds', 'open_lots']);

interface Node {
  'Node Type': string;
  'Parent Relationship'?: string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: Node[];
}

interface Explained {
  'Query Text': string;
  Plan: Node;
}

/** For a superuser's session, which may take a login on afterwards. */
export async function watchPlans(session: pg.Client): Promise<void> {
  await session.query(`load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off;
    set auto_explain.log_format = json;
    set auto_explain.log_level = notice`);
}

/** The scans of all statements that `work` ran in a session that is watched, and what it returned. */
export async function scansOf<T>(session: pg.Client, work: () => Promise<T>): Promise<{ scans: Scan[]; result: T }> {
  const scans: Scan[] = [];
  const listen = ({ message = '' }: { message?: string | undefined }): void => {
    const json = /^duration: .* plan:\n([^]*)$/.exec(message)?.[1];
    if (json === undefined) return;
    const explained = JSON.parse(json) as Explained;
    collect(explained.Plan, explained['Query Text'].replaceAll(/\s+/g, ' ').trim(), scans);
  };
  session.on('notice', listen);
  try {
    return { scans, result: await work() };
  } finally {
    session.off('notice', listen);
  }
}

function collect(node: Node, statement: string, scans: Scan[]): void {
  const table = node['Relation Name'];
  if (table !== undefined && node['Node Type'].endsWith(' Scan')) {
    const bitmaps = bitmapsOf(node);
    const index = node['Index Name'] ?? (node['Node Type'].startsWith('Tid') ? 'ctid' : 'none');
    if (bitmaps.length === 0) scans.push({ table, index, rows: rowsOf(node), statement });
    for (const bitmap of bitmaps) {
      // A bitmap counts removed rows too, until they are vacuumed.
      const rows = Math.max(rowsOf(node), EMPTIED.has(table) ? 0 : rowsOf(bitmap));
      scans.push({ table, index: bitmap['Index Name'] ?? 'none', rows, statement });
    }
  }
  for (const child of node.Plans ?? []) collect(child, statement, scans);
}

/** The indexes of a bitmap are below the look into the table, where there may be several. */
function bitmapsOf(node: Node): Node[] {
  const below = (node.Plans ?? []).filter(
    (child) => child['Node Type'].startsWith('Bitmap') && /^(Outer|Member)$/.test(child['Parent Relationship'] ?? ''),
  );
  return below.flatMap((child) => (child['Index Name'] === undefined ? bitmapsOf(child) : [child]));
}

function rowsOf(node: Node): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.ceil(((node['Actual Rows'] ?? 0) + removed) * (node['Actual Loops'] ?? 0));
}
