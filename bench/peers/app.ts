/** The peer's HTTP routes: Express with JSON bodies, behind the gateway's authenticator. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Knex } from 'knex';
import { createAuthenticator, identityOf, type Identity } from '../../src/auth.ts';
import type { AuthConfig } from '../../src/config.ts';
import { move, Refusal, walletOf, type Movement, type Options, type Receipt } from './wallet.ts';

type Route = Pick<Movement, 'kind' | 'from' | 'to' | 'accountId'>;

const MAX_AMOUNT = 10n ** 15n;
const MAX_KEY_LENGTH = 200;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

export function createApp(knex: Knex, auth: AuthConfig, options: Options): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(createAuthenticator(auth));
  app.use(express.json());

  const post = (path: string, routeOf: (body: Record<string, unknown>) => Route): void => {
    app.post(path, async (req, res) => {
      const receipt = await move(knex, movementOf(req, callerOf(res), routeOf), options);
      res.status(receipt.replayed ? 200 : 201).json(receipt satisfies Receipt);
    });
  };
  post('/top-ups', (body) => {
    const accountId = uuid(body, 'accountId');
    return { kind: 'top_up', from: { house: 'treasury' }, to: { accountId }, accountId };
  });
  post('/spends', (body) => {
    const accountId = uuid(body, 'accountId');
    return { kind: 'spend', from: { accountId }, to: { house: 'revenue' }, accountId };
  });
  post('/transfers', (body) => {
    const [from, to] = [uuid(body, 'fromAccountId'), uuid(body, 'toAccountId')];
    if (from === to) throw new Refusal(400, 'SAME_ACCOUNT', 'the accounts are the same');
    return { kind: 'transfer', from: { accountId: from }, to: { accountId: to }, accountId: from };
  });

  app.get('/wallets/:id', async (req, res) => {
    const wallet = await walletOf(knex, uuid(req.params, 'id'));
    if (!wallet || !maySee(identityOf(res), wallet.ownerId)) {
      throw new Refusal(404, 'ACCOUNT_NOT_FOUND', 'account not found');
    }
    res.json(wallet);
  });

  app.use(handleError);
  return app;
}

function movementOf(req: Request, actor: string, routeOf: (body: Record<string, unknown>) => Route): Movement {
  const body = (req.body ?? {}) as Record<string, unknown>;
  const { amount, idempotencyKey: key, metadata = {} } = body;
  if (typeof amount !== 'string' || !/^[1-9]\d{0,15}$/.test(amount) || BigInt(amount) > MAX_AMOUNT) {
    throw new Refusal(400, 'INVALID_AMOUNT', `the amount must be a whole number from 1 to ${MAX_AMOUNT}, as a string`);
  }
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH) {
    throw new Refusal(400, 'INVALID_KEY', `the idempotency key must have 1 to ${MAX_KEY_LENGTH} characters`);
  }
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new Refusal(400, 'INVALID_METADATA', 'the metadata must be an object');
  }
  return { ...routeOf(body), amount: BigInt(amount), key, actor, metadata: metadata as Record<string, unknown> };
}

function uuid(values: Record<string, unknown>, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || !UUID.test(value)) throw new Refusal(400, 'INVALID_ID', `${name} must be a UUID`);
  return value.toLowerCase();
}

/** Only services may write. */
function callerOf(res: Response): string {
  const { role, sub } = identityOf(res);
  if (role !== 'service') throw new Refusal(403, 'FORBIDDEN', 'the role may not do this');
  return `${role}:${sub}`;
}

function maySee({ role, sub }: Identity, ownerId: string): boolean {
  return role !== 'player' || sub === ownerId;
}

// Express recognises an error handler by its four parameters.
// eslint-disable-next-line @typescript-eslint/no-unused-vars
const handleError: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
  if (error instanceof Refusal) {
    res.status(error.status).json({ code: error.code, message: error.message });
    return;
  }
  const { status } = error as { status?: unknown };
  if (typeof status === 'number' && status >= 400 && status < 500) {
    res.status(status).json({ code: 'BAD_REQUEST', message: 'the request cannot be read' });
    return;
  }
  console.error(error);
  res.status(500).json({ code: 'INTERNAL', message: 'internal error' });
};
