/**
 * PostgreSQL of a cloud provider, who keeps the superuser. It creates an administrator with CREATEROLE and CREATEDB, as providers do;
 * everything after that is done by that login and by logins that it creates.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expectSound, newKey, refusal } from '../../db/tests/helpers.ts';
import { AUTH, Caller, Child, execute, ROOT, type Env } from '../testing.ts';
import { signToken } from '../dev/sign_token.ts';
import { type EmbeddedServer, preparePlace, startEmbedded } from '../dev/embedded.ts';
import { migrate } from './migrate.ts';
import { RECORD } from './migrations.ts';

const SLOW_MS = 180_000;
const PASSWORD = 'for a test';
/** In the order of their creation, so that referenced tables come first. */
const TABLES = `select oid::regclass::text as name from pg_class
  where relkind = 'r' and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) order by oid`;

/** A provider's cluster, with one database of its administrator. */
class Cluster {
  readonly #server: EmbeddedServer;
  readonly #open: pg.Client[] = [];

  private constructor(server: EmbeddedServer) {
    this.#server = server;
  }

  static async start(dataDir: string, settings: Record<string, string> = {}): Promise<Cluster> {
    const cluster = new Cluster(
      await startEmbedded({ dataDir, database: 'postgres', settings: { fsync: 'off', ...settings } }),
    );
    const provider = new pg.Client({ connectionString: cluster.#server.url });
    await provider.connect();
    await provider.query(`create role cloud_admin login createrole createdb password '${PASSWORD}'`);
    await provider.end();
    const admin = await cluster.connect('cloud_admin', 'postgres');
    await admin.query('create database wallet');
    return cluster;
  }

  url(login = 'cloud_admin', database = 'wallet'): string {
    const url = new URL(this.#server.url);
    Object.assign(url, { username: login, password: PASSWORD, pathname: `/${database}` });
    return url.href;
  }

  async connect(login = 'cloud_admin', database = 'wallet'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url(login, database) });
    client.on('error', () => undefined);
    await client.connect();
    this.#open.push(client);
    return client;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((client) => client.end()));
    await this.#server.stop();
  }
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + SLOW_MS / 2; !(await holds()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
  }
}

const program = (file: string, DATABASE_URL: string, env: Env = {}) =>
  execute(process.execPath, [file], { env: { DATABASE_URL, JWT_SECRET: AUTH.secret, PORT: '0', ...env } });
const done = (stdout: string) => ({ code: 0, stdout, stderr: '' });

let folder = '';
let cluster: Cluster;
let other: Cluster;
let admin: pg.Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-managed-'));
  cluster = await Cluster.start(join(folder, 'one'));
  other = await Cluster.start(join(folder, 'two'));
  admin = await cluster.connect();
}, SLOW_MS);

afterAll(async () => {
  await cluster.stop();
  await other.stop();
  await rm(folder, { recursive: true, force: true });
}, SLOW_MS);

/** In order: each test continues after the one before it. */
describe('an administrator with CREATEROLE, who is no superuser,', () => {
  it(
    'migrates, seeds, seals and verifies, repeatedly',
    async () => {
      for (let times = 0; times < 2; times += 1) {
        expect(await program('src/commands/migrate.ts', cluster.url())).toEqual(done('migrated\n'));
        expect(await program('src/dev/seed.ts', cluster.url())).toEqual(done('seeded\n'));
      }
      expect(await program('src/commands/prepare.ts', cluster.url())).toEqual(done('migrated and seeded\n'));
      expect(await program('src/commands/seal.ts', cluster.url())).toMatchObject({ code: 0, stderr: '' });
      expect(await program('src/commands/verify.ts', cluster.url())).toEqual(done(''));
    },
    SLOW_MS,
  );

  it('is told in one line which login to start the service with', async () => {
    const { code, stderr } = await program('src/server.ts', cluster.url(), { NODE_ENV: 'production' });

    expect(code).toBe(2);
    expect(stderr).toBe(
      "DATABASE_URL logs in as cloud_admin, which may migrate but not serve: run npm run migrate with it, give wallet_gateway a password, and start with wallet_gateway's own URL\n",
    );
  });

  it(
    'gives the logins passwords, and the service serves and works with them',
    async () => {
      await admin.query(
        `alter role wallet_gateway password '${PASSWORD}'; alter role wallet_worker password '${PASSWORD}'`,
      );
      const service = new Child(process.execPath, ['src/server.ts'], {
        env: {
          NODE_ENV: 'production',
          JWT_SECRET: AUTH.secret,
          PORT: '0',
          DRAIN_GRACE_MS: '0',
          DATABASE_URL: cluster.url('wallet_gateway'),
          WORKER_DATABASE_URL: cluster.url('wallet_worker'),
        },
      });
      try {
        const [, url = ''] = await service.prints(/^Listening on (\S+)$/m);
        const caller = new Caller({ url }, signToken(AUTH, { role: 'service', sub: 'shop' }));
        const { rows } = await admin.query<{ id: string }>("select ledger.wallet_id('alice', 'GOLD') as id");
        const receipt = await caller.receipt('walletSpend', { walletId: rows[0]?.id, amount: '1', idemKey: newKey() });
        await admin.query("select wallet_queue.add_job('seal', queue_name => 'seal', job_key => 'seal')");
        await eventually('the worker seals', async () => {
          const { rowCount } = await admin.query("select from wallet_queue.jobs where task_identifier = 'seal'");
          return rowCount === 0;
        });

        const { rows: actors } = await admin.query('select actor from ledger.transfers where id = $1', [
          receipt.transferId,
        ]);
        expect(actors).toEqual([{ actor: 'service:shop' }]);
        expect(service.stderr).toBe('');
      } finally {
        await service.stop();
      }
    },
    SLOW_MS,
  );

  it(
    'lets a second administrator migrate, who is told in one line which rights to ask for',
    async () => {
      await admin.query(`create role second_admin login createrole password '${PASSWORD}'`);
      const stranger = await program('src/commands/migrate.ts', cluster.url('second_admin'));
      expect(stranger).toMatchObject({ code: 2, stdout: '' });
      const [, connect = ''] =
        /^The login second_admin may not connect .* run (grant connect on database wallet to second_admin)\n$/.exec(
          stranger.stderr,
        ) ?? [];
      await admin.query(connect);

      const refused = await program('src/commands/migrate.ts', cluster.url('second_admin'));

      expect(refused).toMatchObject({ code: 2, stdout: '' });
      const [, grant = ''] =
        /^The login second_admin may not administer the service's roles: .* run (grant .* to second_admin with admin option)\n$/.exec(
          refused.stderr,
        ) ?? [];
      await admin.query(grant);
      const next = await program('src/commands/migrate.ts', cluster.url('second_admin'));
      expect(next).toMatchObject({ code: 2, stdout: '' });
      const [, create = ''] =
        /^The login second_admin may not create schemas: .* run (grant create on database wallet to second_admin)\n$/.exec(
          next.stderr,
        ) ?? [];
      await admin.query(create);
      expect(await program('src/commands/migrate.ts', cluster.url('second_admin'))).toEqual(done('migrated\n'));
      expect(await program('src/commands/verify.ts', cluster.url('second_admin'))).toEqual(done(''));
    },
    SLOW_MS,
  );

  it.each([
    [
      'that may create no roles',
      'login',
      /^The login plain may not create the roles wallet_owner, .+: alter role plain createrole, .+$/,
    ],
    ['in whose cluster another made the roles', 'login createrole', /^The login plain may not create schemas: .+$/],
  ])('is told in one line which right a login lacks: %s', async (_what, attributes, line) => {
    const provider = await other.connect('cloud_admin', 'postgres');
    await provider.query(`create role plain ${attributes} password '${PASSWORD}'`);

    await expect(migrate(other.url('plain'))).rejects.toThrow(line);

    await provider.query('drop role plain');
  });

  it(
    'dumps everything, and restores it into another cluster with its rights, after db/roles.sql was run there',
    async () => {
      await lookAsDumpDoes(admin);
      const restored = await other.connect();
      await restored.query(await readFile(join(ROOT, 'db/roles.sql'), 'utf8'));
      await restore(admin, restored);
      await expect(migrate(other.url())).rejects.toThrow(
        /^The schema \w+ belongs to cloud_admin, not to wallet_owner: .*without --no-owner.*$/,
      );
      await giveBack(restored);
      await restored.query('grant execute on function ledger_private.begin_epoch() to public');
      await expect(migrate(other.url())).rejects.toThrow(
        /^Everybody may call ledger_private\.begin_epoch\(\): .*without --no-acl.*$/,
      );
      await restored.query('revoke execute on function ledger_private.begin_epoch() from public');
      expect(await refusal(restored.query('select * from ledger.ledger_events()'))).toMatchObject({ code: '55000' });

      expect(await program('src/commands/migrate.ts', other.url())).toEqual(done('migrated\n'));

      expect(await program('src/commands/verify.ts', other.url())).toEqual(done(''));
      await expectSound(restored);
      const text =
        'select e.hash, t.id from ledger.entries e join ledger.transfers t on t.id = e.transfer_id order by 1';
      const rowsOf = async (client: pg.Client): Promise<pg.QueryResultRow[]> =>
        (await client.query<pg.QueryResultRow>(text)).rows;
      expect(await rowsOf(restored)).toEqual(await rowsOf(admin));
    },
    SLOW_MS,
  );
});

/** Does what pg_dump needs: locks each table, and reads all rows despite row security. */
async function lookAsDumpDoes(client: pg.Client): Promise<void> {
  await client.query('begin isolation level repeatable read, read only; set local row_security = off');
  const { rows } = await client.query<{ name: string; isTable: boolean }>(
    `select oid::regclass::text as name, relkind = 'r' as "isTable" from pg_class where relkind in ('r', 'S')
       and relnamespace::regnamespace::text in ('ledger', 'ledger_private', 'gateway', 'wallet_queue', 'wallet_migrate')`,
  );
  expect(rows.length).toBeGreaterThan(15);
  for (const { name, isTable } of rows) {
    if (isTable) await client.query(`lock table ${name} in access share mode`);
    await client.query(`select * from ${name}`);
  }
  await client.query('commit');
}

/** Does what pg_restore --no-owner does: the restoring login creates and owns every object; rows come before triggers. */
async function restore(from: pg.Client, to: pg.Client): Promise<void> {
  const committed = join(ROOT, 'db/migrations/committed');
  const own = (sql: string) =>
    sql.replaceAll(/^(set local role wallet_owner|reset role);$/gm, '').replaceAll(' authorization wallet_owner', '');
  await to.query('begin');
  for (const file of readdirSync(committed).sort()) await to.query(own(await readFile(join(committed, file), 'utf8')));
  await to.query(own(RECORD.replace('set local role wallet_owner;', '').replace('reset role', '')));
  // A dump has the rights of each function; here wallet_owner's default privileges had revoked them from PUBLIC.
  await to.query('revoke execute on all functions in schema ledger, ledger_private, gateway from public');
  await to.query('commit');
  await to.query('begin');
  const { rows: tables } = await from.query<{ name: string }>(TABLES);
  for (const { name } of tables) await to.query(`alter table ${name} disable trigger user`);
  await to.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
  for (const name of [...tables.map((table) => table.name), 'wallet_migrate.migrations']) {
    const { rows } = await from.query<{ all: string }>(
      `select coalesce(json_agg(t), '[]')::text as all from ${name} t`,
    );
    await to.query(`insert into ${name} select * from json_populate_recordset(null::${name}, $1)`, [rows[0]?.all]);
  }
  for (const { name } of tables) await to.query(`alter table ${name} enable trigger user`);
  const { rows: replica } = await from.query<{ table: string; name: string }>(
    `select tgrelid::regclass::text as table, quote_ident(tgname) as name from pg_trigger where tgenabled = 'R'`,
  );
  for (const { table, name } of replica) await to.query(`alter table ${table} enable replica trigger ${name}`);
  await to.query('commit');
}

/** Does what pg_restore without --no-owner does after each object. */
async function giveBack(restored: pg.Client): Promise<void> {
  await restored.query(`do $$
    declare
      v_statement text;
    begin
      for v_statement in
        select format('alter schema %I owner to wallet_owner', nspname) from pg_namespace
          where nspowner = 'cloud_admin'::regrole
        union all
        select format('alter table %s owner to wallet_owner', oid::regclass) from pg_class
          where relowner = 'cloud_admin'::regrole and relkind in ('r', 'v', 'p')
        union all
        select format('alter routine %s owner to wallet_owner', oid::regprocedure) from pg_proc
          where proowner = 'cloud_admin'::regrole
        union all
        select format('alter type %s owner to wallet_owner', t.oid::regtype) from pg_type t
          left join pg_class c on c.oid = t.typrelid
          where t.typowner = 'cloud_admin'::regrole and t.typelem = 0 and coalesce(c.relkind = 'c', true)
      loop
        execute v_statement;
      end loop;
    end $$`);
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Uses its own certificate authority, and a server with a certificate for localhost. */
describe('TLS to the database', () => {
  const withOpenssl = hasOpenssl ? it : it.skip;
  const skipped = hasOpenssl ? '' : ' (openssl is not installed)';
  let place = '';
  let secure: Cluster | undefined;

  beforeAll(async () => {
    if (!hasOpenssl) return;
    place = await mkdtemp(join(tmpdir(), 'wallet-tls-'));
    await chmod(place, 0o755);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: place, stdio: 'ignore' });
    for (const name of ['ca', 'other']) {
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
      );
    }
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-keyout',
      'server.key',
      '-out',
      'server.csr',
    );
    await writeFile(join(place, 'names'), 'subjectAltName = DNS:localhost');
    openssl(
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      'server.pem',
    );
    const { account } = preparePlace(join(place, 'server'));
    for (const name of ['server.key', 'server.pem']) {
      await chown(join(place, name), account.uid ?? -1, account.gid ?? -1);
      await chmod(join(place, name), 0o600);
    }
    secure = await Cluster.start(join(place, 'server'), {
      ssl: 'on',
      ssl_cert_file: join(place, 'server.pem'),
      ssl_key_file: join(place, 'server.key'),
    });
  }, SLOW_MS);

  afterAll(async () => {
    await secure?.stop();
    if (place) await rm(place, { recursive: true, force: true });
  }, SLOW_MS);

  const url = (login: string, ca: string, host = 'localhost'): string => {
    const address = new URL(secure?.url(login) ?? '');
    address.hostname = host;
    address.search = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(join(place, ca))}`;
    return address.href;
  };

  withOpenssl(
    `is used by migration, gateway and worker, with sslmode=verify-full and a private CA${skipped}`,
    async () => {
      expect(await program('src/commands/migrate.ts', url('cloud_admin', 'ca.pem'))).toEqual(done('migrated\n'));
      const looker = await secure?.connect();
      await looker?.query(
        `alter role wallet_gateway password '${PASSWORD}'; alter role wallet_worker password '${PASSWORD}'`,
      );
      const service = new Child(process.execPath, ['src/server.ts'], {
        env: {
          NODE_ENV: 'production',
          JWT_SECRET: AUTH.secret,
          PORT: '0',
          DRAIN_GRACE_MS: '0',
          DATABASE_URL: url('wallet_gateway', 'ca.pem'),
          WORKER_DATABASE_URL: url('wallet_worker', 'ca.pem'),
        },
      });
      try {
        const [, address = ''] = await service.prints(/^Listening on (\S+)$/m);
        expect((await fetch(`${address}/readyz`)).status).toBe(200);
        // Each login may see its own session.
        for (const login of ['wallet_gateway', 'wallet_worker']) {
          const own = await secure?.connect(login);
          await eventually(`${login} is connected`, async () => {
            const { rows } = (await own?.query<{ ssl: boolean }>(
              `select ssl from pg_stat_ssl join pg_stat_activity using (pid)
               where usename = current_user and pid <> pg_backend_pid() and application_name like 'wallet-%'`,
            )) ?? { rows: [] };
            expect(rows.filter(({ ssl }) => !ssl)).toEqual([]);
            return rows.length > 0;
          });
        }
        expect(service.stderr).toBe('');
      } finally {
        await service.stop();
      }
    },
    SLOW_MS,
  );

  withOpenssl.each([
    ['another CA', 'localhost', 'other.pem', /self-signed certificate|unable to verify|unable to get local issuer/],
    ['a certificate for another name', '127.0.0.1', 'ca.pem', /does not match|altnames|not in the cert/i],
    ['a CA in no file that can be read', 'localhost', 'nothing.pem', /nothing\.pem, which cannot be read/],
  ])(`is refused in one line with %s${skipped}`, async (_what, host, ca, reason) => {
    const { code, stdout, stderr } = await program('src/commands/migrate.ts', url('cloud_admin', ca, host));

    expect({ refused: code === 2 || code === 3, stdout }).toEqual({ refused: true, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(/DATABASE_URL/);
    expect(stderr).toMatch(reason);
  });
});
