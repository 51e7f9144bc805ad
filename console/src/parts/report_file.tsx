/** A report as the service writes it, saved as a file: however long it is, it is not what the screen shows but all of it. */
import { useMutation } from '@tanstack/react-query';
import { saveBlob } from '../data/save.ts';
import { tokenNow } from '../data/session.ts';

interface Props {
  report: 'balances' | 'activity' | 'journal' | 'trial-balance';
  parameters: Record<string, string>;
  name: string;
  children: string;
}

export function ReportFile({ report, parameters, name, children }: Props) {
  const download = useMutation({ mutationFn: () => saveReport(report, parameters, name) });
  return (
    <>
      <button type="button" disabled={download.isPending} onClick={() => download.mutate()}>
        {download.isPending ? 'Loading…' : children}
      </button>
      {download.error && (
        <span className="problem" role="alert">
          {download.error.message}
        </span>
      )}
    </>
  );
}

async function saveReport(report: string, parameters: Record<string, string>, name: string): Promise<void> {
  const response = await fetch(`/reports/${report}.csv?${new URLSearchParams(parameters).toString()}`, {
    headers: { Authorization: `Bearer ${tokenNow() ?? ''}` },
  });
  if (!response.ok) throw new Error(`The service answered with ${response.status}.`);
  // A download that breaks off ends here, too: there is no file then.
  saveBlob(name, await response.blob());
}
