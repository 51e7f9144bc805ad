/** Tokens for the user of this machine: in development only, and only from a service that no other machine reaches. */
import { ConfigError, type AuthConfig, type Config } from '../config.ts';
import { claimsOf, type Role } from '../roles.ts';
import { isFromHere, isOwnHost } from './loopback.ts';
import { signToken } from './sign_token.ts';

const ROLES: readonly Role[] = ['operator', 'auditor', 'service'];

/** With a JWKS the tokens are signed elsewhere. */
export function developmentSignIn({ production, host, roles: names }: Config, auth: AuthConfig) {
  if (production || auth.kind !== 'secret' || !isOwnHost(host)) return undefined;
  const roles = ROLES.filter((role) => claimsOf(role, names) !== undefined);
  const sign = async (role: Role): Promise<string> => {
    if (!roles.includes(role)) throw new ConfigError(`Nobody signs in as ${role} here`);
    return signToken(auth, { role, sub: 'developer' }, names);
  };
  return { roles, mayUse: isFromHere, sign };
}
