/** The peer as a process, with the gateway's DATABASE_URL, JWT_SECRET and POOL_SIZE; LOCK_HOUSE=no locks only players' accounts. */
import type { AddressInfo } from 'node:net';
import { readConfig } from '../../src/config.ts';
import { createApp } from './app.ts';
import { connect } from './knex.ts';

const { databaseUrl, auth, port, poolSize } = readConfig(process.env);
if (databaseUrl === undefined || !auth) throw new Error('Set DATABASE_URL and JWT_SECRET');

const knex = connect(databaseUrl, poolSize);
const server = createApp(knex, auth, { lockHouse: process.env.LOCK_HOUSE !== 'no' }).listen(port, () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => void knex.destroy());
});
