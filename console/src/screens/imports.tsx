/** Many movements out of a CSV file: here one chooses it, and finds those that are under way. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Button } from 'react-aria-components/Button';
import { DropZone } from 'react-aria-components/DropZone';
import { FileTrigger } from 'react-aria-components/FileTrigger';
import { useRight } from '../data/rights.ts';
import { saveFile } from '../data/save.ts';
import { useWho } from '../data/session.ts';
import { COLUMNS } from '../imports/csv.ts';
import { keptFiles } from '../imports/kept.ts';
import { takeIn } from '../imports/open.ts';
import { Time } from '../parts/shown.tsx';
import { NoRight, Shown } from '../parts/states.tsx';

const EXAMPLE = `kind,owner,asset,amount,key,expires_at,reason,metadata.campaign
bonus,player-1,GOLD,10.00,spring-player-1,2027-06-30T22:00:00Z,,spring
bonus,player-2,GOLD,10.00,spring-player-2,2027-06-30T22:00:00Z,,spring
top_up,player-3,GOLD,49.90,payment-2041,,,
`;

export function Imports() {
  const mayBook = useRight('book');
  if (!mayBook) return <NoRight />;
  return (
    <>
      <div className="title">
        <h1>Import</h1>
        <button type="button" onClick={() => saveFile('example.csv', EXAMPLE)}>
          An example
        </button>
      </div>
      <Choose />
      <Kept />
      <Format />
    </>
  );
}

function Choose() {
  const who = useWho();
  const navigate = useNavigate();
  const choice = useMutation({
    mutationFn: (file: File) => takeIn(who, file),
    onSuccess: (id) => navigate({ to: '/imports/$id', params: { id } }),
  });
  const take = (file: File | null | undefined): void => {
    if (file) choice.mutate(file);
  };
  return (
    <section aria-label="A file">
      <DropZone
        className="drop"
        onDrop={({ items }) => {
          const [item] = items.filter(({ kind }) => kind === 'file');
          if (item?.kind === 'file') void item.getFile().then(take);
        }}
      >
        <p className="what">Grants, top-ups, spends and corrections for many wallets at once</p>
        <FileTrigger acceptedFileTypes={['.csv', 'text/csv']} onSelect={(files) => take(files?.item(0))}>
          <Button className="primary">Choose a CSV file</Button>
        </FileTrigger>
        <p className="hint">or drop one here. It is checked and shown first: nothing is booked yet.</p>
      </DropZone>
      {choice.error && (
        <p className="outcome bad" role="alert">
          {choice.error.message}
        </p>
      )}
    </section>
  );
}

function Kept() {
  const who = useWho();
  const query = useQuery({ queryKey: ['imports', who], queryFn: () => keptFiles(who), staleTime: 0 });
  return (
    <Shown query={query} lines={2}>
      {(files) =>
        files.length > 0 && (
          <section aria-labelledby="kept">
            <h2 id="kept">In this browser</h2>
            <div className="table" role="group" aria-labelledby="kept" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>File</th>
                    <th>Chosen</th>
                    <th className="wide-only">Digest</th>
                  </tr>
                </thead>
                <tbody>
                  {files.map(({ id, name, at }) => (
                    <tr key={id}>
                      <td>
                        <Link to="/imports/$id" params={{ id }}>
                          {name}
                        </Link>
                      </td>
                      <td>
                        <Time at={at} />
                      </td>
                      <td className="wide-only mono faint">{id.slice(0, 16)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </section>
        )
      }
    </Shown>
  );
}

function Format() {
  return (
    <section aria-labelledby="format">
      <h2 id="format">The file</h2>
      <p className="hint">
        CSV in UTF-8. The first line names the columns, in any order; what a row does not need stays empty.
      </p>
      <dl className="list">
        {Object.entries(COLUMNS).map(([name, what]) => (
          <div key={name}>
            <dt className="mono">{name}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="hint">
        A key is booked once in a wallet, for ever: the same file, chosen again, books nothing twice. Rows without a key
        of their own are bound to the file as it is; to mend some of them, take the result, which has all keys.
      </p>
    </section>
  );
}
