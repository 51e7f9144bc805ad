/** The frame around every screen: where one may go, the search, who one is, the keys. */
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { Suspense, useRef, useState } from 'react';
import { useRight } from '../data/rights.ts';
import { endSession, readSettings, useSession } from '../data/session.ts';
import { KeysHelp, useKeys } from './keys.tsx';
import { SignIn } from './sign_in.tsx';
import { Empty, Loading } from './states.tsx';

export function Shell() {
  const { session } = useSession();
  if (!session) return <SignIn />;
  return session.role === 'player' ? <NotForPlayers /> : <Frame />;
}

function Frame() {
  const [hasHelp, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const mayAccount = useRight('account');
  const mayBook = useRight('book');
  useKeys({
    '/': () => search.current?.focus(),
    '?': () => setHelp(true),
    'g o': () => void navigate({ to: '/' }),
    'g w': () => void navigate({ to: '/wallets' }),
    'g t': () => void navigate({ to: '/transfers' }),
    'g f': () => void navigate({ to: '/feed' }),
    'g i': () => void navigate({ to: '/imports' }),
    'g h': () => void navigate({ to: '/holds' }),
    'g l': () => void navigate({ to: '/assets' }),
    'g r': () => void navigate({ to: '/reports' }),
    'g a': () => void navigate({ to: '/audit' }),
    'g k': () => void navigate({ to: '/webhooks' }),
  });
  return (
    <div className="frame">
      <a className="skip" href="#content">
        To the content
      </a>
      <header>
        <Link to="/" className="home">
          Wallets
        </Link>
        <SearchField field={search} />
        <nav aria-label="Screens">
          <Link to="/" activeOptions={{ exact: true }}>
            Overview
          </Link>
          <Link to="/wallets">Wallets</Link>
          <Link to="/transfers">Transfers</Link>
          <Link to="/feed">Feed</Link>
          <Link to="/holds">Holds and expiry</Link>
          {mayBook && <Link to="/imports">Import</Link>}
          <Link to="/assets">Assets and limits</Link>
          {mayAccount && <Link to="/reports">Reports</Link>}
          {mayAccount && <Link to="/audit">Audit</Link>}
          {mayAccount && <Link to="/webhooks">Webhooks</Link>}
        </nav>
        <Who onHelp={() => setHelp(true)} />
      </header>
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
      {hasHelp && <KeysHelp onClose={() => setHelp(false)} />}
    </div>
  );
}

function SearchField({ field }: { field: React.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const submit = (event: { preventDefault: () => void }): void => {
    event.preventDefault();
    // The keys are those of the screen again.
    field.current?.blur();
    if (text.trim() !== '') void navigate({ to: '/search', search: { q: text.trim() } });
  };
  return (
    <form role="search" onSubmit={submit}>
      <input
        ref={field}
        type="search"
        aria-label="Owner, wallet, transfer, key or reference"
        placeholder="Search"
        title="Press / to come here"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
    </form>
  );
}

function Who({ onHelp }: { onHelp: () => void }) {
  const { session } = useSession();
  return (
    <div className="who">
      <p>
        {session?.sub}
        <span>{session?.role}</span>
      </p>
      <button type="button" className="plain" onClick={onHelp} aria-label="Keys">
        ?
      </button>
      <LogOut />
    </div>
  );
}

function LogOut() {
  const settings = useQuery({ queryKey: ['settings'], queryFn: readSettings, staleTime: Infinity });
  const oidc = settings.data?.oidc;
  const leave = (): void => {
    if (oidc) void import('../data/oidc.ts').then(({ logOut }) => logOut(oidc));
    else endSession();
  };
  return (
    <button type="button" className="plain" onClick={leave}>
      Log out
    </button>
  );
}

function NotForPlayers() {
  return (
    <main className="sign-in">
      <h1>Wallets</h1>
      <Empty title="This is not for players.">
        <p>The console is for those who run the wallets. Your own wallet is in the game or the shop.</p>
        <LogOut />
      </Empty>
    </main>
  );
}
