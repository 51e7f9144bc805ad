import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import pg from 'pg';
import { createDatabase, newAsset, newWallet } from '../../db/tests/helpers.ts';
import type { Identity, Role } from '../auth.ts';
import { type Answer, createGateway, errorOf, withLogin } from '../testing.ts';
import { answerInTime } from './timeouts.ts';

const ROLES: Role[] = ['player', 'service', 'operator', 'auditor'];
const WALLETS = '{ wallets(first: 1) { nodes { id } } }';
const codeOf = (answer: Answer): string => errorOf(answer).extensions.code;

describe('a call', () => {
  const gateway = createGateway();
  const { db } = gateway;
  let own = '';
  beforeAll(async () => {
    own = await newWallet(db, await newAsset(db), { owner: 'player-1' });
  });
  /** Runs `body` in PL/pgSQL at each read of wallets, during `work`. */
  async function whileReading(body: string, work: () => Promise<void>): Promise<void> {
    await db.query(`
      create function public.in_the_way() returns boolean language plpgsql as $$ begin ${body} return true; end $$;
      create policy in_the_way on ledger.wallets as restrictive for select using ((select public.in_the_way()))`);
    try {
      await work();
    } finally {
      await db.query('drop policy in_the_way on ledger.wallets; drop function public.in_the_way()');
    }
  }

  it.each([
    ['player', '5s'],
    ['service', '30s'],
    ['operator', '30s'],
    ['auditor', '5min'],
  ] as [Role, string][])(
    'of a %s may take %s in the database, and is ready to wait 2 s for a lock',
    async (role, time) => {
      const told =
        "raise exception '% %', current_setting('statement_timeout'), current_setting('lock_timeout') using errcode = 'WLARG';";
      await whileReading(told, async () => {
        expect(errorOf(await gateway.as(role).post(WALLETS)).message).toBe(`${time} 2s`);
      });
    },
  );

  it('that takes longer than its limit is TIMEOUT, and the next one is answered', async () => {
    await whileReading('perform pg_sleep(600);', async () => {
      const began = performance.now();

      const answer = await gateway.as('player').post(WALLETS);

      expect(codeOf(answer)).toBe('TIMEOUT');
      expect(performance.now() - began).toBeGreaterThanOrEqual(4_900);
      // The database ended the statement; the timeout of the whole request would answer 503.
      expect(answer.status).toBe(200);
    });
    expect(await gateway.as('player').data(WALLETS)).toEqual({ wallets: { nodes: [{ id: own }] } });
  });

  it('that waits for a lock is RETRY for each role', async () => {
    const holder = await db.connect();
    await holder.query('begin; lock table ledger.wallets in access exclusive mode');
    const began = performance.now();

    const answers = await Promise.all(ROLES.map((role) => gateway.as(role).post(WALLETS)));

    const took = performance.now() - began;
    await holder.query('rollback');
    // Only the lock timeout can end the wait while the lock is held.
    expect(answers.map((answer) => errorOf(answer).message)).toEqual(Array(4).fill('retry: the wallet is busy'));
    expect(answers.map(codeOf)).toEqual(Array(4).fill('RETRY'));
    expect(took).toBeGreaterThanOrEqual(1_900);
  });
});

describe('a session of the login', () => {
  const db = createDatabase();

  it.each([
    ['wallet_gateway', ['30s', '2s', '1min', '20min']],
    ['wallet_worker', ['30s', '2s', '1min', '2min']],
  ])('%s has its limits, whatever program opens it', async (login, limits) => {
    const settings = [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'transaction_timeout',
    ];

    const seen = await withLogin(db, login, async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        const { rows } = await client.query<{ limits: string[] }>(
          'select array(select current_setting(name) from unnest($1::text[]) with ordinality as s (name, nr) order by nr) as limits',
          [settings],
        );
        return rows[0]?.limits;
      } finally {
        await client.end();
      }
    });

    expect(seen).toEqual(limits);
  });
});

describe('answerInTime', () => {
  let server: Server;
  const errors: unknown[] = [];
  const late = Promise.withResolvers<undefined>();
  beforeAll(async () => {
    const service: Identity = { role: 'service', sub: 'shop', pgRole: 'wallet_service' };
    const auditor: Identity = { role: 'auditor', sub: 'kim', pgRole: 'wallet_auditor' };
    const app = express();
    app.use((req, res, next) => {
      res.locals.identity = req.path === '/quick' ? auditor : service;
      next();
    });
    app.use(answerInTime({ player: 1, service: 200, operator: 1, auditor: 600_000 }));
    app.get('/quick', (_req, res) => void res.json('done'));
    app.get('/late', async (_req, res) => {
      await late.promise;
      res.json('late');
    });
    app.get('/half', (_req, res) => void res.write('half'));
    // eslint-disable-next-line @typescript-eslint/no-unused-vars
    const keep: express.ErrorRequestHandler = (error, _req, _res, _next) => {
      errors.push(error);
    };
    app.use(keep);
    server = createServer(app).listen(0);
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  const get = (path: string) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);

  it('does not affect an answer in time', async () => {
    expect(await (await get('/quick')).json()).toBe('done');
  });

  it('answers TIMEOUT after its limit, and drops a later answer', async () => {
    const response = await get('/late');

    expect([response.status, await response.json()]).toEqual([
      503,
      { errors: [{ message: 'timeout: the call took too long', extensions: { code: 'TIMEOUT' } }] },
    ]);
    late.resolve(undefined);
    for (const deadline = Date.now() + 60_000; errors.length === 0; await sleep(20))
      if (Date.now() > deadline) throw new Error('The late answer went out');
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' })]);
  });

  it('closes the connection of an unfinished answer', async () => {
    const response = await get('/half');

    await expect(response.text()).rejects.toThrow();
  });
});
