/** Prints the addresses, a token and an example command for the user who runs `npm start`. */
import { isOwnHost } from './loopback.ts';

const QUERY = `{ wallets(condition: {ownerId: "alice"}) { nodes {
  id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } } } }`;

/**
 * `databaseUrl` is that of the embedded server. `host` is where the service listens: the IDE is shown only if no other machine can reach
 * it.
 */
export function printWelcome(
  url: string,
  {
    databaseUrl,
    host,
    token,
    hasConsole,
  }: { databaseUrl: string | undefined; host: string | undefined; token: string; hasConsole: boolean },
): void {
  const body = JSON.stringify({ query: QUERY.replaceAll(/\s+/g, ' ') });
  const pages = hasConsole ? `Console        ${url}/console/\n` : '';
  const ide = isOwnHost(host) ? `GraphQL IDE    ${url}/ruru\n` : '';
  const psql = databaseUrl === undefined ? '' : `psql           psql '${databaseUrl}'\n`;
  console.log(`
${pages}${ide}${psql}token          ${token}
               (role service, 12 hours; another: npm run token -- --role player --sub alice)

Try it:

curl -s ${url}/graphql -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'
`);
}
