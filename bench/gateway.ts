/**
 * The service without its worker, on two ports: with the log and metrics of requests, and without, to measure their cost. It is one
 * process, because two equal processes differ by more than that.
 */
import '../src/graphql/graphile-env.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openConfigured } from '../src/dev/local.ts';
import { configureLog } from '../src/observability/log.ts';
import { observe } from '../src/observability/observe.ts';

const config = readConfig(process.env);
if (!config.auth) throw new Error('JWT_SECRET is not set');
configureLog(config);
const { database } = await openConfigured(config);
const { app } = await createApp({ config, database, auth: config.auth, observed: false });
const service = express();
const observedPorts = new Set<number>();
service.use((req, res, next) => {
  if (observedPorts.has(req.socket.localPort ?? 0)) observe(req, res, next);
  else next();
});
service.use(app);
for (const observed of [false, true]) {
  const server = createServer(service);
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  if (observed) observedPorts.add(port);
  process.stdout.write(`${observed ? 'Listening' : 'Unobserved'} on http://localhost:${port}\n`);
}
