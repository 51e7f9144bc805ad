/** `npm run token -- --role service --sub shop`: prints a token for the service as it is configured here. */
import { parseArgs } from 'node:util';
import { isRole, isSubject, signToken } from '../auth.ts';
import { readConfig } from '../config.ts';
import { developmentSecret } from '../local.ts';
import { run } from './run.ts';

await run(async () => {
  const { role, sub } = parseArgs({ options: { role: { type: 'string' }, sub: { type: 'string' } } }).values;
  if (!isRole(role)) throw new Error('--role must be player, service, operator or auditor');
  if (!isSubject(sub)) throw new Error('--sub must name the caller, in 1 to 200 characters');
  const { auth, production } = readConfig(process.env);
  if (auth?.kind === 'jwks') throw new Error('Tokens come from the issuer behind JWKS_URI, not from here');
  if (!auth && production) throw new Error('In production, set JWT_SECRET');
  // Only where there is none is a secret made: a container may not be able to keep one.
  console.log(await signToken(auth ?? { kind: 'secret', secret: await developmentSecret() }, { role, sub }));
  return 0;
});
