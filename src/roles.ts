/** The roles of tokens, and how other issuers name them. */

/** The roles that a token may name, and their database roles. */
export const PG_ROLES = {
  player: 'wallet_player',
  service: 'wallet_service',
  operator: 'wallet_operator',
  auditor: 'wallet_auditor',
} as const;

export type Role = keyof typeof PG_ROLES;

export interface Identity {
  role: Role;
  sub: string;
  pgRole: string;
}

/** How the ledger, the log and limits name a caller. */
export function actorOf({ role, sub }: Pick<Identity, 'role' | 'sub'>): string {
  return `${role}:${sub}`;
}

export interface RoleNames {
  /** The claim's name, or the path to it with dots. */
  claim: string;
  /** Whether the claim may be a list of names, some of them for other services. */
  isList?: boolean;
  /** The issuer's names of the roles; no other names are accepted then. */
  map?: ReadonlyMap<string, Role>;
}

export const OWN_NAMES: RoleNames = { claim: 'role' };

export function isRole(role: unknown): role is Role {
  return typeof role === 'string' && Object.hasOwn(PG_ROLES, role);
}

/** The one role in the claims, or a reason that does not quote the token, since reasons are logged. */
export function roleIn(claims: object, { claim, isList = false, map }: RoleNames): Role | { reason: string } {
  const value = valueAt(claims, claim);
  if (value === undefined) return { reason: `it has no claim ${claim}` };
  const names: unknown[] = isList && Array.isArray(value) ? value : [value];
  if (!names.every((name) => typeof name === 'string')) {
    return { reason: `its claim ${claim} is not a text${isList ? ', or a list of texts' : ''}` };
  }
  const roles = new Set(names.map((name) => (map ? map.get(name) : name)).filter(isRole));
  const [role, ...others] = roles;
  if (role === undefined) return { reason: `its claim ${claim} names no role of this service` };
  if (others.length > 0) return { reason: `its claim ${claim} names ${roles.size} roles of this service` };
  return role;
}

/** The claim for a role; undefined if no name maps to it. A claim with dots in its name precedes a path. */
export function claimsOf(role: Role, { claim, map }: RoleNames): Record<string, string> | undefined {
  const name = map ? [...map].find(([, mapped]) => mapped === role)?.[0] : role;
  return name === undefined ? undefined : { [claim]: name };
}

/** Claim names may contain dots, as URLs do: the longest matching name is used. */
function valueAt(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  for (let end = path.lastIndexOf('.'); end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = path.slice(0, end);
    if (Object.hasOwn(value, name)) return valueAt((value as Record<string, unknown>)[name], path.slice(end + 1));
  }
  return undefined;
}
