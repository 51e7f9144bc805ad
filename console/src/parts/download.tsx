/** A table as a file, made in the browser of what is on the screen. Amounts are in minor units. */
import { saveFile } from '../data/save.ts';

export function Download({ name, rows }: { name: string; rows: string[][] }) {
  const save = async (): Promise<void> => {
    const { default: Papa } = await import('papaparse');
    saveFile(`${name}.csv`, Papa.unparse(rows));
  };
  return (
    <button type="button" onClick={() => void save()}>
      CSV
    </button>
  );
}
