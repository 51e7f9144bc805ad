/**
 * `npm run wallet -- <command>` in a checkout: the client's commands, and where neither URL nor token are given, those of the service of
 * `npm start` here.
 */
import { UsageError } from './src/cli/arguments.ts';
import { runProgram } from './src/cli/program.ts';

const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/|$)/;

await runProgram({ program: 'npm run wallet --', fallback: developmentService });

/** The token of development is for this machine alone, and made as `npm run token` makes it. */
async function developmentService(given: string | undefined): Promise<{ url: string; token: string } | undefined> {
  if (given !== undefined && !LOCAL.test(given)) return undefined;
  const { auth, port, production, roles } = await settings();
  if (production || auth?.kind === 'jwks') return undefined;
  const { developmentSecret } = await import('../src/dev/local.ts');
  const { signToken } = await import('../src/dev/sign_token.ts');
  const secret = auth ?? { kind: 'secret', secret: await developmentSecret() };
  const token = await signToken(secret, { role: 'operator', sub: 'command-line' }, roles);
  return { url: given ?? `http://localhost:${port}`, token };
}

/** Those of the service; one that cannot work is said in a line. */
async function settings() {
  const { readCommandConfig } = await import('../src/config.ts');
  try {
    return readCommandConfig(process.env);
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
