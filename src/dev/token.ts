/** `npm run token -- --role service --sub shop`: prints a token for the service with the same configuration. */
import { isRole, isSubject } from '../auth.ts';
import { signToken } from './sign_token.ts';
import { ConfigError, readCommandConfig } from '../config.ts';
import { UsageError } from '../exit.ts';
import { developmentSecret } from './local.ts';
import { command } from '../command.ts';

const HELP = `npm run token -- --role <role> --sub <subject>

Prints a token that is good for 12 hours, signed with JWT_SECRET or the secret of this checkout.

  --role <role>    player, service, operator or auditor
  --sub <subject>  who calls: for a player the owner id of the wallets, otherwise a name for the log`;

await command({ help: HELP, options: { role: { type: 'string' }, sub: { type: 'string' } } }, async ({ role, sub }) => {
  if (!isRole(role)) throw new UsageError('--role must be player, service, operator or auditor; see --help');
  if (!isSubject(sub)) throw new UsageError('--sub must name the caller, in 1 to 200 characters; see --help');
  const { auth, production, roles } = readCommandConfig(process.env);
  if (auth?.kind === 'jwks') throw new ConfigError('Tokens come from the issuer behind JWKS_URI, not from here');
  if (!auth && production) throw new ConfigError('In production, set JWT_SECRET');
  // The development secret is created only if needed: a container may be unable to store it.
  console.log(await signToken(auth ?? { kind: 'secret', secret: await developmentSecret() }, { role, sub }, roles));
  return 0;
});
