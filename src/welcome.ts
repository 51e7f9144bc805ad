/** What `npm start` tells the person in front of it: the doors, a token, and a line to paste. */

const QUERY = `{ wallets(condition: {ownerId: "alice"}) { nodes {
  id assetCode balance bonusBalance available entries(first: 3) { nodes { seq kind side amount balance createdAt } } } } }`;

export function printWelcome(url: string, databaseUrl: string, token: string): void {
  const body = JSON.stringify({ query: QUERY.replaceAll(/\s+/g, ' ') });
  console.log(`
GraphQL IDE    ${url}/
psql           psql '${databaseUrl}'
token          ${token}
               (role service, 12 hours; another: npm run token -- --role player --sub alice)

Try it:

curl -s ${url}/graphql -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'
`);
}
