/**
 * The service without its worker, on two ports: with its log and its metrics, and without them, for measuring what these cost. In one
 * process, because two that run the same differ by more.
 */
import '../src/graphile-env.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database.ts';
import { configureLog } from '../src/log.ts';

const config = readConfig(process.env);
if (!config.auth) throw new Error('JWT_SECRET is not set');
configureLog(config);
const database = await openDatabase(config);
for (const observed of [false, true]) {
  const { app } = await createApp({ database, auth: config.auth, observed });
  const server = createServer(app);
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${observed ? 'Listening' : 'Unobserved'} on http://localhost:${port}\n`);
}
