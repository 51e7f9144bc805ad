/** What `npm start` tells the person in front of it: the doors, a token, and a line to paste. */

const QUERY = `{ wallets(condition: {ownerId: "alice"}) { nodes {
  id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } } } }`;

/** `databaseUrl`: of the embedded server; whoever brings a database of their own knows how to connect to it. */
export function printWelcome(url: string, databaseUrl: string | undefined, token: string): void {
  const body = JSON.stringify({ query: QUERY.replaceAll(/\s+/g, ' ') });
  const psql = databaseUrl === undefined ? '' : `psql           psql '${databaseUrl}'\n`;
  console.log(`
GraphQL IDE    ${url}/
${psql}token          ${token}
               (role service, 12 hours; another: npm run token -- --role player --sub alice)

Try it:

curl -s ${url}/graphql -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'
`);
}
