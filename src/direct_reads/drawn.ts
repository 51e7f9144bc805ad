/** Rows to try a document with: another value in each place, and what has a meaning in the text of an array, or of JSON. */
import { isEnumType } from 'postgraphile/graphql';
import type { Column } from './columns.ts';

export type Value = string | null;
export type Row = readonly Value[];

export const TRIALS = 5;
/** In this one lists are longer than they can be. */
const TOO_MANY = 2;
/** A statement may have more columns than are shown, by which Grafast tells whether there is a row: then not all of these are the same to it. */
const MORE: readonly Row[] = [[], [], [null, null], ['f', 'f'], ['t', 't']];
const STRANGE = ['NULL', '', '{', '}', ',', '"', '\\', '\\"', ' ', 'é\u2028', '[1]='];

/** Values that are all different, as far as there are different ones, and the same each time. */
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

/** As PostgreSQL writes an array of rows. */
function arrayOf(rows: readonly Row[]): string {
  const written = rows.map(
    (row) => `{${row.map((value) => (value === null ? 'NULL' : `"${value.replaceAll(/["\\]/g, '\\$&')}"`)).join()}}`,
  );
  return `{${written.join()}}`;
}
