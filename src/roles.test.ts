import { claimsOf, isRole, roleIn, type Role, type RoleNames } from './roles.ts';

const URL_CLAIM = 'https://shop.example/roles';
const MAP = new Map<string, Role>([
  ['wallet-ops', 'operator'],
  ['wallet-ops-old', 'operator'],
  ['shop', 'service'],
]);
const keycloak: RoleNames = { claim: 'realm_access.roles', isList: true, map: MAP };
const client: RoleNames = { claim: 'resource_access.wallet.example.roles', isList: true };
const auth0: RoleNames = { claim: URL_CLAIM, isList: true };
const usual: RoleNames = { claim: 'role' };

describe('the role of a token', () => {
  it.each<[string, RoleNames, object, Role]>([
    ['its claim role', usual, { role: 'service' }, 'service'],
    ['a path', keycloak, { realm_access: { roles: ['offline_access', 'wallet-ops'] } }, 'operator'],
    ['a text at the end of a path', keycloak, { realm_access: { roles: 'shop' } }, 'service'],
    ['a name with points and slashes', auth0, { [URL_CLAIM]: ['auditor'] }, 'auditor'],
    [
      'a path through a name with points',
      client,
      { resource_access: { 'wallet.example': { roles: ['player'] } } },
      'player',
    ],
    [
      'the whole name before a path',
      keycloak,
      { 'realm_access.roles': 'shop', realm_access: { roles: 'wallet-ops' } },
      'service',
    ],
    [
      'two names of one role',
      keycloak,
      { realm_access: { roles: ['wallet-ops', 'wallet-ops-old', 'wallet-ops'] } },
      'operator',
    ],
  ])('is found with %s', (_what, names, claims, role) => {
    expect(roleIn(claims, names)).toBe(role);
  });

  it.each<[string, RoleNames, object, RegExp]>([
    ['has no such claim', usual, {}, /^it has no claim role$/],
    ['has no such path', keycloak, { realm_access: {} }, /^it has no claim realm_access\.roles$/],
    ['has a text on the path', keycloak, { realm_access: 'wallet-ops' }, /no claim realm_access/],
    ['has a list on the path', keycloak, { realm_access: [{ roles: 'shop' }] }, /no claim realm_access/],
    ['has what every object has', { claim: 'constructor.name' }, {}, /no claim constructor\.name/],
    ['has null for it', usual, { role: null }, /is not a text$/],
    ['has a number for it', keycloak, { realm_access: { roles: 1 } }, /is not a text, or a list of texts$/],
    ['has a list where a text is asked for', usual, { role: ['service'] }, /is not a text$/],
    ['has a list of lists', auth0, { [URL_CLAIM]: [['service']] }, /is not a text, or a list of texts$/],
    ['has a list with a number', auth0, { [URL_CLAIM]: ['service', 1] }, /is not a text, or a list of texts$/],
    ['has an empty list', auth0, { [URL_CLAIM]: [] }, /names no role of this service$/],
    ['names a role of nobody', usual, { role: 'wallet_service' }, /names no role of this service$/],
    ['names what every object has', usual, { role: 'toString' }, /names no role of this service$/],
    ['names two of ours', auth0, { [URL_CLAIM]: ['player', 'service'] }, /names 2 roles of this service$/],
    [
      'names two of ours by other names',
      keycloak,
      { realm_access: { roles: ['wallet-ops', 'shop'] } },
      /names 2 roles/,
    ],
    ['names one of ours that is not in the map', keycloak, { realm_access: { roles: ['operator'] } }, /names no role/],
    ['names one in other letters', keycloak, { realm_access: { roles: ['Shop'] } }, /names no role/],
  ])('is refused if it %s, without quoting the token', (_what, names, claims, reason) => {
    const found = roleIn(claims, names);

    expect(found).toEqual({ reason: expect.stringMatching(reason) as string });
    for (const value of ['wallet-ops', 'shop', 'wallet_service', 'player']) {
      expect(JSON.stringify(found).replace(names.claim, '')).not.toContain(value);
    }
  });

  it('is written as it is read, if it has a name', () => {
    for (const names of [usual, keycloak, client, auth0]) {
      for (const role of ['player', 'service', 'operator', 'auditor'] as const) {
        const claims = claimsOf(role, names);
        if (claims) expect(roleIn(claims, names)).toBe(role);
        else expect([names, role]).toEqual([keycloak, expect.stringMatching(/^(player|auditor)$/)]);
      }
    }
  });

  it('is one of four', () => {
    expect(['player', 'service', 'operator', 'auditor', 'job', 'owner', '__proto__', 1].filter(isRole)).toHaveLength(4);
  });
});
