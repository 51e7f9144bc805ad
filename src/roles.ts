/** Who may call: the roles of tokens, and how a token of another issuer names them. */

/** The roles a token may name, and the database role that each becomes. */
export const PG_ROLES = {
  player: 'wallet_player',
  service: 'wallet_service',
  operator: 'wallet_operator',
  auditor: 'wallet_auditor',
} as const;

export type Role = keyof typeof PG_ROLES;

/** Who is calling. */
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
  /** The claim's name, or the path to it: names with a point between. */
  claim: string;
  /** Whether the claim may be a list of names, of which one is ours: issuers that know of other services have such. */
  isList?: boolean;
  /** What the issuer calls our roles; with it, no other name counts. */
  map?: ReadonlyMap<string, Role>;
}

export const OWN_NAMES: RoleNames = { claim: 'role' };

export function isRole(role: unknown): role is Role {
  return typeof role === 'string' && Object.hasOwn(PG_ROLES, role);
}

/** The one role that the claims name, or why there is none: in words of ours, as what a token holds is not for the log. */
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

/** How a token names a role; undefined where it cannot. The claim's whole name is found before a path. */
export function claimsOf(role: Role, { claim, map }: RoleNames): Record<string, string> | undefined {
  const name = map ? [...map].find(([, mapped]) => mapped === role)?.[0] : role;
  return name === undefined ? undefined : { [claim]: name };
}

/** Names may hold points themselves, as those that are addresses do: the longest that is there counts. */
function valueAt(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  for (let end = path.lastIndexOf('.'); end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = path.slice(0, end);
    if (Object.hasOwn(value, name)) return valueAt((value as Record<string, unknown>)[name], path.slice(end + 1));
  }
  return undefined;
}
