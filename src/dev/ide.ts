/** The GraphQL IDE, which has a token in its headers: a new one for each visit, because tokens expire. Served to this machine only. */
import 'postgraphile/grafserv';
import type { Ide } from '../app.ts';
import { signToken } from './sign_token.ts';
import type { AuthConfig } from '../config.ts';
import { claimsOf, type RoleNames } from '../roles.ts';
import { isFromHere } from './loopback.ts';

const EXAMPLES = `# The wallets of the demo. Ctrl-Enter runs what is under the cursor.
query Wallets {
  wallets(condition: { ownerId: "alice" }) {
    nodes { id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } }
  }
}

# Run it twice: the key is that of the first time, so nothing is booked twice.
mutation TopUp {
  walletTopUp(input: { walletId: "00000000-0000-8000-8000-000000000000", amount: "100", idemKey: "example-1" }) {
    receipt { seq balance replayed }
  }
}
`;

/** Undefined with a JWKS: its tokens are signed elsewhere. */
export function developmentToken(auth: AuthConfig, roles: RoleNames): (() => Promise<string>) | undefined {
  if (auth.kind !== 'secret' || !claimsOf('service', roles)) return undefined;
  return () => signToken(auth, { role: 'service', sub: 'developer' }, roles);
}

export function createIde(createToken: () => Promise<string>): Ide {
  return { plugin: createPlugin(createToken), mayOpen: isFromHere };
}

function createPlugin(createToken: () => Promise<string>): GraphileConfig.Plugin {
  return {
    name: 'IdeTokenPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        async ruruHTML(next, { htmlParts }) {
          htmlParts.configScript += headersScript(await createToken());
          return next();
        },
      },
    },
  };
}

/**
 * The initial headers apply to the first tab, the default headers to each new one. The IDE reads the schema before it applies them, so its
 * fetcher adds them too.
 */
function headersScript(token: string): string {
  const headers = JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
  return `<script>
    RURU_CONFIG.defaultQuery = ${JSON.stringify(EXAMPLES).replaceAll('<', '\\u003c')};
    RURU_CONFIG.initialHeaders = RURU_CONFIG.defaultHeaders = ${JSON.stringify(headers)};
    RURU_CONFIG.fetcher = async (request, { headers } = {}) => {
      const answer = await fetch(RURU_CONFIG.endpoint, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...${headers}, ...headers },
        body: JSON.stringify(request),
      });
      return answer.json();
    };
  </script>`;
}
