/** Where nobody is logged in. The address stays, so that one comes to what one wanted to see. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { beginSession, readSettings, takeRole, useSession, type Role, type Settings } from '../data/session.ts';
import { Failed, Loading } from './states.tsx';

const ROLES: Record<Role, { name: string; may: string }> = {
  operator: { name: 'Operator', may: 'Sees everything, books, reverses, freezes, sets limits.' },
  auditor: { name: 'Auditor', may: 'Sees everything and proves it. Changes nothing.' },
  service: { name: 'Service', may: 'What a shop may: books, and reads the wallets.' },
  player: { name: 'Player', may: 'Reads the own wallets.' },
};

export function SignIn() {
  const { ended, problem } = useSession();
  const settings = useQuery({ queryKey: ['settings'], queryFn: readSettings, staleTime: Infinity });
  return (
    <main className="sign-in">
      <h1>Wallets</h1>
      {ended === 'expired' && <p className="notice">Your session has ended. Log in again to go on where you were.</p>}
      {problem !== undefined && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
      {settings.error && <Failed error={settings.error} onRetry={() => void settings.refetch()} />}
      {settings.data ? <Ways settings={settings.data} /> : !settings.error && <Loading lines={3} />}
    </main>
  );
}

function Ways({ settings: { oidc, roles } }: { settings: Settings }) {
  const [problem, setProblem] = useState<string>();
  const tell = (error: unknown): void => setProblem(error instanceof Error ? error.message : String(error));
  return (
    <>
      {oidc && (
        <button
          type="button"
          className="primary wide"
          onClick={() => void import('../data/oidc.ts').then(({ logIn }) => logIn(oidc)).catch(tell)}
        >
          Log in
        </button>
      )}
      {roles.length > 0 && (
        <>
          <p>This is development, on this machine. Who would you like to be?</p>
          <ul className="roles">
            {roles.map((role) => (
              <li key={role}>
                <button type="button" onClick={() => void takeRole(role).catch(tell)}>
                  <strong>{ROLES[role].name}</strong>
                  <span>{ROLES[role].may}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {!oidc && <WithToken isFolded={roles.length > 0} onProblem={tell} />}
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

function WithToken({ isFolded, onProblem }: { isFolded: boolean; onProblem: (error: unknown) => void }) {
  const [token, setToken] = useState('');
  const submit = (event: { preventDefault: () => void }): void => {
    event.preventDefault();
    void beginSession(token.trim()).catch(onProblem);
  };
  return (
    <details className="token" open={!isFolded}>
      <summary>With a token</summary>
      <form onSubmit={submit}>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          value={token}
          onChange={({ target }) => setToken(target.value)}
          required
        />
        <button className="primary">Log in</button>
      </form>
    </details>
  );
}
