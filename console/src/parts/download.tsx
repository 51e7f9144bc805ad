/** A table as a file, made in the browser of what is on the screen. Amounts are in minor units. */

export function Download({ name, rows }: { name: string; rows: readonly (readonly string[])[] }) {
  const save = (): void => {
    const text = `${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
    link.download = `${name}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <button type="button" onClick={save}>
      CSV
    </button>
  );
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
