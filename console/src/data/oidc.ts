/** Logging in with the issuer: the code flow with PKCE. Loaded where it is used. */
import { ErrorResponse, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { beginSession, endSession, failLogIn, renewWith, setRenewal, type Settings } from './session.ts';

type Oidc = NonNullable<Settings['oidc']>;

const RETURN_TO = `${location.origin}/console/`;
/** How soon a renewal that nobody answered is tried again, as long as the token counts. */
const AGAIN_MS = 5_000;
let manager: UserManager | undefined;
let renewing: Promise<boolean> | undefined;

function managerOf({ authority, clientId }: Oidc): UserManager {
  if (manager) return manager;
  manager = new UserManager({
    authority,
    client_id: clientId,
    redirect_uri: RETURN_TO,
    post_logout_redirect_uri: RETURN_TO,
    scope: 'openid offline_access',
    // Nothing of it outlives the tab.
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    // Without a refresh token it would try a frame, which the page's policy does not allow.
    automaticSilentRenew: false,
  });
  manager.events.addAccessTokenExpiring(() => void renew());
  // The machine may have slept while it expired.
  manager.events.addAccessTokenExpired(() => void renew().then((isRenewed) => isRenewed || endSession('expired')));
  setRenewal(renew);
  return manager;
}

/** Whether there is a new token. Whoever asks meanwhile waits for the same answer: a refresh token may count once. */
function renew(): Promise<boolean> {
  renewing ??= renewNow().finally(() => (renewing = undefined));
  return renewing;
}

async function renewNow(): Promise<boolean> {
  const user = await manager?.getUser();
  if (!manager || user?.refresh_token === undefined) return false;
  try {
    const renewed = await manager.signinSilent();
    if (renewed) await renewWith(renewed.access_token);
    return renewed !== null;
  } catch (error) {
    // The issuer said no; whatever else it is may pass.
    if (!(error instanceof ErrorResponse) && !user.expired) setTimeout(() => void renew(), AGAIN_MS);
    return false;
  }
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
  let target = '/console/';
  try {
    const user = await managerOf(oidc).signinRedirectCallback();
    if (typeof user.state === 'string' && user.state.startsWith('/console/')) target = user.state;
    await beginSession(user.access_token);
  } catch (error) {
    failLogIn(`Logging in did not work: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    history.replaceState(null, '', target);
  }
}

/** After a reload: what was stored counts on, and is renewed as before. */
export async function goOn(oidc: Oidc): Promise<void> {
  const user = await managerOf(oidc).getUser();
  if (user && !user.expired) await beginSession(user.access_token);
  else if (!(await renew())) endSession('expired');
}

/** Here and with the issuer, so that the next one has to say who they are. */
export async function logOut(oidc: Oidc): Promise<void> {
  endSession();
  const users = managerOf(oidc);
  // Not every issuer takes them back.
  await users.revokeTokens(['refresh_token']).catch(() => undefined);
  await users.signoutRedirect().catch(() => users.removeUser());
}
