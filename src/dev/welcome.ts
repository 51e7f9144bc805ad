/** What `npm start` tells the person in front of it: the doors, a token, and a line to paste. */

const QUERY = `{ wallets(condition: {ownerId: "alice"}) { nodes {
  id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } } } }`;

/**
 * `databaseUrl`: of the embedded server; whoever brings a database of their own knows how to connect to it. `hasIde`: it is for
 * this machine alone, which a service that listens for others may not be reached from.
 */
export function printWelcome(
  url: string,
  { databaseUrl, hasIde, token }: { databaseUrl: string | undefined; hasIde: boolean; token: string },
): void {
  const body = JSON.stringify({ query: QUERY.replaceAll(/\s+/g, ' ') });
  const ide = hasIde ? `GraphQL IDE    ${url}/\n` : '';
  const psql = databaseUrl === undefined ? '' : `psql           psql '${databaseUrl}'\n`;
  console.log(`
${ide}${psql}token          ${token}
               (role service, 12 hours; another: npm run token -- --role player --sub alice)

Try it:

curl -s ${url}/graphql -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'
`);
}
