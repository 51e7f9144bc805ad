/** What `npm start` prints for the person in front of it: the addresses, a token, and a line to paste. */
import { isOwnHost } from './loopback.ts';

const QUERY = `{ wallets(condition: {ownerId: "alice"}) { nodes {
  id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } } } }`;

/**
 * `databaseUrl`: of the embedded server; whoever brings a database of their own knows how to connect to it. `host`: where the service listens. The IDE is for
 * this machine alone, which a service that listens for others may not be reached from.
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
