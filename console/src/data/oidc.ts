/** Logging in with the issuer: the code flow with PKCE. Loaded where it is used. */
import { UserManager } from 'oidc-client-ts';
import { beginSession, endSession, type Settings } from './session.ts';

type Oidc = NonNullable<Settings['oidc']>;

const RETURN_TO = `${location.origin}/console/`;
let manager: UserManager | undefined;

function managerOf({ authority, clientId }: Oidc): UserManager {
  if (manager) return manager;
  manager = new UserManager({
    authority,
    client_id: clientId,
    redirect_uri: RETURN_TO,
    post_logout_redirect_uri: RETURN_TO,
    // With it the token is renewed without a frame, which the page's policy would not allow.
    scope: 'openid offline_access',
    automaticSilentRenew: true,
  });
  manager.events.addUserLoaded(({ access_token }) => void beginSession(access_token));
  manager.events.addAccessTokenExpired(() => endSession('expired'));
  return manager;
}

export async function logIn(oidc: Oidc): Promise<void> {
  await managerOf(oidc).signinRedirect({ state: location.pathname + location.search });
}

/** Whether the issuer has just sent somebody back. */
export function isReturn({ search } = location): boolean {
  const parameters = new URLSearchParams(search);
  return parameters.has('state') && (parameters.has('code') || parameters.has('error'));
}

/** Ends at the address from which somebody went to log in. */
export async function comeBack(oidc: Oidc): Promise<void> {
  const user = await managerOf(oidc).signinRedirectCallback();
  await beginSession(user.access_token);
  const target = typeof user.state === 'string' && user.state.startsWith('/console/') ? user.state : '/console/';
  history.replaceState(null, '', target);
}

/** After a reload: the token is renewed as before. */
export async function goOn(oidc: Oidc): Promise<void> {
  const user = await managerOf(oidc).getUser();
  if (user && !user.expired) await beginSession(user.access_token);
}

export async function logOut(oidc: Oidc): Promise<void> {
  endSession();
  await managerOf(oidc)
    .signoutRedirect()
    .catch(() => managerOf(oidc).removeUser());
}
