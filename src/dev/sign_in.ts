/** Tokens for the person at this machine: in development only, and only from a service that no other machine reaches. */
import type { IncomingMessage } from 'node:http';
import { ConfigError, type AuthConfig, type Config } from '../config.ts';
import { claimsOf, type Role } from '../roles.ts';
import { isFromHere, isOwnHost } from './loopback.ts';
import { signToken } from './sign_token.ts';

/** Those who work with the console. */
const ROLES: readonly Role[] = ['operator', 'auditor', 'service'];

export interface DevelopmentSignIn {
  roles: readonly Role[];
  mayUse: (request: IncomingMessage) => boolean;
  sign: (role: Role) => Promise<string>;
}

/** Only who has the secret can sign: tokens for a JWKS come from elsewhere. */
export function developmentSignIn(
  { production, host, roles: names }: Pick<Config, 'production' | 'host' | 'roles'>,
  auth: AuthConfig,
): DevelopmentSignIn | undefined {
  if (production || auth.kind !== 'secret' || !isOwnHost(host)) return undefined;
  const roles = ROLES.filter((role) => claimsOf(role, names) !== undefined);
  return {
    roles,
    mayUse: isFromHere,
    sign: async (role) => {
      if (!roles.includes(role)) throw new ConfigError(`Nobody signs in as ${role} here`);
      return signToken(auth, { role, sub: 'developer' }, names);
    },
  };
}
