/** Makes rows to test a document with: a different value in each column, with characters that are special in arrays and JSON. */
import { isEnumType } from 'postgraphile/graphql';
import type { Column } from './columns.ts';

export type Value = string | null;
export type Row = readonly Value[];

export const TRIALS = 5;
/** The trial whose lists exceed their maximum. */
const TOO_MANY = 2;
/**
 * Further columns of each trial's row. By some of them Grafast knows whether a row exists, so a statement that has such a column fails one
 * of the trials.
 */
const MORE: readonly Row[] = [[], [], [null, null], ['f', 'f'], ['t', 't']];
const STRANGE = ['NULL', '', '{', '}', ',', '"', '\\', '\\"', ' ', 'é\u2028', '[1]='];

/** Makes values that differ from each other where the type allows it, and are the same in each run. */
export function drawn(trial: number): { uuid: () => string; row: (columns: readonly Column[]) => Row } {
  let nth = trial * 10_007;
  const uuid = (): string => `00000000-0000-4000-8000-${String((nth += 1)).padStart(12, '0')}`;
  const row = (columns: readonly Column[]): Row => [...columns.map(cell), ...(MORE[trial] ?? [])];
  const cell = (column: Column): Value => {
    const { nodes } = column;
    if (!nodes) return value(column);
    const length = trial === TOO_MANY ? nodes.most + 1 : trial % 4;
    return arrayOf(Array.from({ length }, () => row(nodes.columns)));
  };
  const value = ({ type, mayBeNull }: Column): Value => {
    nth += 1;
    if (mayBeNull && nth % 3 === 0) return null;
    if (isEnumType(type)) {
      const values = type.getValues();
      return String(values[nth % values.length]?.value);
    }
    if (type.name === 'UUID') return uuid();
    if (type.name === 'BigInt') return String(nth);
    if (type.name === 'Datetime') return `2026-01-01T00:00:00.${String(nth).padStart(6, '0')}+00:00`;
    const strange = STRANGE[nth % STRANGE.length] ?? '';
    return trial === 1 ? `${strange}${nth}` : strange;
  };
  return { uuid, row };
}

function arrayOf(rows: readonly Row[]): string {
  const written = rows.map(
    (row) => `{${row.map((value) => (value === null ? 'NULL' : `"${value.replaceAll(/["\\]/g, '\\$&')}"`)).join()}}`,
  );
  return `{${written.join()}}`;
}
