/**
 * `npm run e2e`: runs the compose file in a new project that is removed afterwards; `-- --profile replica` and `-- --profile observability`
 * add these. `-- --url <url> --token <token>` only makes a caller's requests to a running service.
 */
import { command } from '../../../src/command.ts';
import { UsageError } from '../../../src/exit.ts';
import { Compose } from './compose.ts';
import { Scenario } from './scenario.ts';
import { walkThrough } from './steps.ts';

const PROFILES = ['replica', 'observability'] as const;

const report = (step: string): void => {
  console.log(`ok  ${step}`);
};

const HELP = `npm run e2e -- [--profile <name>] [--url <url> --token <token> [--asset <code>]]

Runs the compose file from nothing in a project of its own, which is removed afterwards. Needs Docker.

  --profile <name>              with this profile too: ${PROFILES.join(' or ')}; may be given again
  --url <url> --token <token>   only what a caller does, against a service that is running
  --asset <code>                in which asset (GOLD)`;

const OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
  asset: { type: 'string', default: 'GOLD' },
  profile: { type: 'string', multiple: true, default: [] as string[] },
} as const;

await command({ help: HELP, options: OPTIONS }, async ({ url, token, asset, profile }) => {
  if ((url === undefined) !== (token === undefined)) throw new UsageError('--url and --token go together');
  const profiles = PROFILES.filter((name) => profile.includes(name));
  if (profiles.length < profile.length) throw new UsageError(`--profile must be ${PROFILES.join(' or ')}`);

  if (url !== undefined && token !== undefined) await walkThrough({ url, token, asset }, report);
  else await inCompose(profiles);
  console.log('the end-to-end test has passed');
  return 0;
});

async function inCompose(profiles: readonly (typeof PROFILES)[number][]): Promise<void> {
  const compose = new Compose([...profiles]);
  const scenario = new Scenario(compose, report);
  try {
    await scenario.plain();
    for (const profile of profiles) await scenario[profile]();
  } catch (error) {
    console.error((await compose.try(['logs', '--tail=50'])).stdout);
    throw error;
  } finally {
    await compose.down();
  }
  report('compose: everything is removed');
}
