import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startEmbedded } from './embedded.ts';

const ROOM_MS = 180_000;
const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'embedded-test-'));
fs.chmodSync(base, 0o755); // as root, the account of the server has to get in
const dataDir = join(base, 'pg');
const pidFile = join(dataDir, 'data', 'postmaster.pid');
const start = (more: { exclusive?: boolean; settings?: Record<string, string> } = {}) =>
  startEmbedded({ dataDir, database: 'wallet', ...more });
const postmaster = (): number => Number(fs.readFileSync(pidFile, 'utf8').split('\n')[0]);

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** Starts another process that owns the server and keeps it running. */
async function otherOwner(): Promise<ChildProcess> {
  const script = `import { startEmbedded } from ${JSON.stringify(new URL('./embedded.ts', import.meta.url).href)};
    const server = await startEmbedded(${JSON.stringify({ dataDir, database: 'wallet' })});
    console.log(server.owned);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(said.toString().trim()).toBe('true');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

afterAll(async () => {
  await (await start()).stop();
  fs.rmSync(base, { recursive: true, force: true });
}, ROOM_MS);

describe('the embedded server', () => {
  it(
    'creates the cluster and the database, also if two processes start first',
    async () => {
      const [first, second] = await Promise.all([start(), start()]);
      expect([first.owned, second.owned].sort()).toEqual([false, true]);
      expect(first.url).toBe(second.url);
      expect(
        await query(
          first.url,
          'SELECT current_database(), datlocprovider, datlocale FROM pg_database WHERE datname = current_database()',
        ),
      ).toEqual([['wallet', 'b', 'C.UTF-8']]);
      expect(fs.statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
      await Promise.all([first.stop(), second.stop()]);
      expect(fs.existsSync(pidFile)).toBe(false);
    },
    ROOM_MS,
  );

  it(
    'accepts a second process, whose stop leaves the server running',
    async () => {
      const owner = await start({ settings: { application_name: `it's quoted` } });
      const guest = await start();
      expect([owner.owned, guest.owned, guest.url]).toEqual([true, false, owner.url]);
      await guest.stop();
      expect(await query(owner.url, 'SHOW application_name')).toEqual([[`it's quoted`]]);
      await expect(start({ exclusive: true })).rejects.toThrow(/^Another process is already serving from .+$/);
      await owner.stop();
      await owner.stop();
      await expect(query(owner.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    },
    ROOM_MS,
  );

  // Slim containers have no ps.
  const session = (pid: number): string => {
    const { status, stdout } = spawnSync('ps', ['-o', 'sess=', '-p', String(pid)], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : '';
  };
  (session(process.pid) ? it : it.skip)(
    'runs the server in a session of its own, where Ctrl-C does not reach',
    async () => {
      const server = await start();
      expect(session(postmaster())).not.toBe(session(process.pid));
      await server.stop();
    },
    ROOM_MS,
  );

  it(
    'keeps the rows when the server is killed',
    async () => {
      const killed = await start();
      await query(killed.url, 'CREATE TABLE kept AS SELECT 42 AS value');
      process.kill(postmaster(), 'SIGKILL');
      const next = await start();
      expect(next.owned).toBe(true);
      await killed.stop(); // its server is gone, and the new one is not its to stop
      expect(await query(next.url, 'SELECT value FROM kept')).toEqual([[42]]);
      await next.stop();
    },
    ROOM_MS,
  );

  it(
    'starts although the lock file names an unrelated running process',
    async () => {
      // With the server's account: PostgreSQL ignores processes of others.
      const { uid, gid } = fs.statSync(dataDir);
      const unrelated = spawn('sleep', ['600'], process.getuid?.() === 0 ? { uid, gid } : {});
      try {
        fs.writeFileSync(
          pidFile,
          `${unrelated.pid}\n${join(dataDir, 'data')}\n1700000000\n1\n\n127.0.0.1\n        0         0\nready   \n`,
        );
        const server = await start();
        expect([server.owned, postmaster() !== unrelated.pid]).toEqual([true, true]);
        await server.stop();
        expect(unrelated.exitCode ?? unrelated.signalCode).toBeNull();
      } finally {
        await kill(unrelated);
      }
    },
    ROOM_MS,
  );

  it(
    'is taken over from a killed owner, and waits for an owner that is stopping',
    async () => {
      await kill(await otherOwner());
      const orphan = postmaster();
      const heir = await start({ exclusive: true });
      expect([heir.owned, postmaster()]).toEqual([true, orphan]);
      const [next] = await Promise.all([start({ exclusive: true }), heir.stop()]);
      expect(next.owned).toBe(true);
      expect(await query(next.url, 'SELECT 1')).toEqual([[1]]);
      await next.stop();
    },
    ROOM_MS,
  );

  it(
    'starts after its server was killed, while many of its sessions are still ending',
    async () => {
      const server = await start({ exclusive: true });
      const sessions = Array.from({ length: 8 }, () => new pg.Client({ connectionString: server.url }));
      const pids: number[] = [];
      for (const session of sessions) {
        session.on('error', () => undefined);
        await session.connect();
        const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
        pids.push(...rows.map(({ pid }) => pid));
      }
      const log = join(dataDir, 'postgres.log');
      const before = fs.statSync(log).size;
      const hasGivenUp = (): boolean => fs.readFileSync(log).subarray(before).includes('still in use');
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      process.kill(postmaster(), 'SIGKILL');
      const next = start({ exclusive: true });
      // The sessions log their end while the new server finds out why it could not start.
      for (const end = Date.now() + ROOM_MS / 3; !hasGivenUp() && Date.now() < end;) await sleep(2);
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      expect((await next).owned).toBe(true);
      await (await next).stop();
      await server.stop().catch(() => undefined);
    },
    ROOM_MS,
  );

  it(
    'says in one line why it cannot start',
    async () => {
      await expect(start({ settings: { no_such_setting: '1' } })).rejects.toThrow(
        /^PostgreSQL in .+ did not start: .*"no_such_setting".*$/,
      );
    },
    ROOM_MS,
  );
});
