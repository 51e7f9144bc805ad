/** The service without its worker, and with OBSERVED=no also without its log and its metrics: for measuring what these cost. */
import '../src/graphile-env.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database.ts';
import { configureLog } from '../src/log.ts';

const observed = process.env.OBSERVED !== 'no';
const config = readConfig(process.env);
if (!config.auth) throw new Error('JWT_SECRET is not set');
configureLog({ ...config, logLevel: observed ? config.logLevel : 'silent' });
const database = await openDatabase(config);
const { app } = await createApp({ database, auth: config.auth, observed });
const server = createServer(app);
server.listen(config.port);
await once(server, 'listening');
process.stdout.write(`Listening on http://localhost:${(server.address() as AddressInfo).port}\n`);
