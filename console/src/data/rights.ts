/** What each role may do, so that nothing is offered in vain. The service decides in any case. */
import { useSession, type Role } from './session.ts';

const RIGHTS = {
  book: ['service', 'operator'],
  correct: ['operator'],
  prove: ['auditor'],
  account: ['operator', 'auditor'],
  readEvents: ['service', 'operator', 'auditor'],
} as const satisfies Record<string, readonly Role[]>;

export type Right = keyof typeof RIGHTS;

export function useRight(right: Right): boolean {
  const { session } = useSession();
  const roles: readonly Role[] = RIGHTS[right];
  return session !== undefined && roles.includes(session.role);
}
