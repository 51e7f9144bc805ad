import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { closeLive } from './data/live.ts';
import { mayAskAgain } from './data/queries.ts';
import { beginSession, endSession, onSessionEnd, readSettings, TokenRefused, tokenNow } from './data/session.ts';
import { router } from './router.tsx';
import './styles.css';

const queries = new QueryClient({
  defaultOptions: { queries: { retry: mayAskAgain, staleTime: 2_000 }, mutations: { retry: false } },
});

// What one role has seen is not another's.
onSessionEnd(() => {
  closeLive();
  queries.removeQueries({ predicate: ({ queryKey: [name] }) => name !== 'settings' });
});
await restore();

const root = document.getElementById('root');
if (!root) throw new Error('The page has no place for the console');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);

/** A tab that is loaded again goes on as it was; a token that counts no more is forgotten. */
async function restore(): Promise<void> {
  try {
    const { oidc } = await queries.query({ queryKey: ['settings'], queryFn: readSettings, staleTime: Infinity });
    const token = tokenNow();
    if (oidc) {
      const { comeBack, goOn, isReturn } = await import('./data/oidc.ts');
      if (isReturn()) await comeBack(oidc);
      else if (token !== undefined) await goOn(oidc);
    } else if (token !== undefined) {
      await beginSession(token);
    }
  } catch (error) {
    // A service that cannot be reached says nothing about the token.
    if (error instanceof TokenRefused) endSession('expired');
  }
}
