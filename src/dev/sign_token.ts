/** Signs tokens for development and tests. In production the issuer signs them. */
import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { ConfigError, type SecretAuth } from '../config.ts';
import { claimsOf, OWN_NAMES, type Identity, type RoleNames } from '../roles.ts';

const TOKEN_LIFETIME = '12h';

/** The service accepts the token if it has the same configuration. */
export async function signToken(
  { secret, issuer, audience }: SecretAuth,
  { role, sub }: Pick<Identity, 'role' | 'sub'>,
  roles: RoleNames = OWN_NAMES,
): Promise<string> {
  const claims = claimsOf(role, roles);
  if (!claims) throw new ConfigError(`JWT_ROLE_MAP has no name for the role ${role}`);
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFETIME);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(createSecretKey(secret, 'utf8'));
}
