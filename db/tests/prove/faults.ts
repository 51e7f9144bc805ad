/** What goes wrong, and how often. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Chance } from './chance.ts';
import { CHECKER } from './checker.ts';
import type { Cluster } from './cluster.ts';
import type { Gateway } from './gateway.ts';
import { POINTS, type Cut, type Proxy } from './proxy.ts';
import type { Tally } from './tally.ts';

export interface Scene {
  cluster: Cluster;
  database: string;
  /** Between sessions and the server. */
  proxy: Proxy;
  gateway: Gateway;
  /** Of the jobs' login, past the proxy. */
  jobUrl: () => string;
  hotWallets: string[];
  tally: Tally;
  chance: Chance;
  isOver: () => boolean;
}

/** Does it once; undefined where there was nothing to do it to. The result is what it is counted as. */
type Deed = (scene: Scene) => Promise<string | undefined>;

const UNITS: Cut['unit'][] = ['call', 'commit', 'connect'];
/** Not what looks on. */
const ONE = `where datname = $1 and pid <> pg_backend_pid() and backend_type = $2 and application_name <> '${CHECKER}'`;
const CLIENT = 'client backend';

/** Of these, one at a time; as often as their number says. */
const HEAVY: Readonly<Record<string, { weight: number; deed: Deed }>> = {
  kill: {
    weight: 4,
    async deed({ cluster }) {
      await cluster.killPostmaster();
      return 'postmaster killed (kill -9)';
    },
  },
  backend: {
    weight: 3,
    async deed({ cluster, database }) {
      const [victim] = await cluster.administer<{ pid: number }>(
        `select pid from pg_stat_activity ${ONE} order by state = 'active' desc, random() limit 1`,
        [database, CLIENT],
      );
      const isKilled = victim !== undefined && (await cluster.killBackend(victim.pid));
      return isKilled ? 'backend killed (kill -9)' : undefined;
    },
  },
  failover: {
    weight: 2,
    async deed({ cluster, proxy }) {
      await cluster.failOver(() => {
        proxy.cutAll();
      });
      await cluster.addStandby();
      return 'failover to the synchronous standby';
    },
  },
  link: {
    weight: 1,
    async deed({ cluster, chance }) {
      cluster.cutLink();
      await sleep(chance.int(300, 3_000));
      cluster.mendLink();
      return 'standby cut off for a while';
    },
  },
  pause: {
    weight: 1,
    async deed({ cluster, chance }) {
      await cluster.pause(chance.int(500, 4_000));
      return 'server paused (SIGSTOP)';
    },
  },
  exhaust: {
    weight: 1,
    async deed({ jobUrl }) {
      const taken = await takeAllConnections(jobUrl());
      await sleep(700);
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
      return 'connections used up';
    },
  },
};

/** These happen meanwhile, each every so many milliseconds. */
const LIGHT: Readonly<Record<string, { everyMs: number; deed: Deed }>> = {
  cut: {
    everyMs: 80,
    deed({ proxy, tally, chance }) {
      const cut = seldomOne(tally, chance);
      if (proxy.armed < 6) proxy.arm(cut);
      return Promise.resolve(undefined);
    },
  },
  http: {
    everyMs: 700,
    deed({ gateway, chance }) {
      if (gateway.proxy.armed < 2) gateway.proxy.arm({ unit: 'call', point: chance.pick(POINTS), part: part(chance) });
      return Promise.resolve(undefined);
    },
  },
  gateway: {
    everyMs: 8_000,
    async deed({ gateway }) {
      await gateway.kill();
      return 'gateway killed (kill -9)';
    },
  },
  terminate: {
    everyMs: 1_500,
    async deed({ cluster, database }) {
      const rows = await cluster.administer(
        `select pg_terminate_backend(pid) from (select pid from pg_stat_activity ${ONE} order by random() limit 1) p`,
        [database, CLIENT],
      );
      return rows.length > 0 ? 'session terminated' : undefined;
    },
  },
  cancel: {
    everyMs: 400,
    async deed({ cluster, database }) {
      const rows = await cluster.administer(
        `select pg_cancel_backend(pid) from (select pid from pg_stat_activity ${ONE} and state = 'active' order by random() limit 1) p`,
        [database, CLIENT],
      );
      return rows.length > 0 ? 'statement cancelled' : undefined;
    },
  },
  lock: {
    everyMs: 4_000,
    async deed({ cluster, database, hotWallets }) {
      const client = await cluster.connect(database);
      try {
        await client.query('begin');
        await client.query('select from ledger.wallets where id = any ($1) order by id for update', [
          hotWallets.slice(0, 2),
        ]);
        // Longer than callers wait.
        await sleep(1_300);
      } finally {
        await client.end();
      }
      return 'wallets locked for longer than calls wait';
    },
  },
  freeze: {
    everyMs: 2_000,
    async deed({ cluster, database, hotWallets, chance }) {
      const wallet = chance.pick(hotWallets);
      const client = await cluster.connect(database);
      try {
        await client.query("select from ledger.wallet_freeze($1, 'prove')", [wallet]);
      } finally {
        await client.end();
      }
      await sleep(150);
      await reopen(cluster, database, wallet);
      return 'wallet frozen and reopened';
    },
  },
};

export const FAULTS = [...Object.keys(HEAVY), ...Object.keys(LIGHT)];

/** Until the scene is over. What a server that is just away makes impossible is left out, not counted. */
export async function injectFaults(scene: Scene, wanted: string[]): Promise<void> {
  const light = Object.entries(LIGHT).filter(([name]) => wanted.includes(name));
  await Promise.all([injectHeavy(scene, wanted), ...light.map(([, fault]) => injectLight(scene, fault))]);
  scene.proxy.disarm();
  scene.gateway.proxy.disarm();
}

async function injectHeavy(scene: Scene, wanted: string[]): Promise<void> {
  const bag = Object.entries(HEAVY).flatMap(([name, { weight, deed }]) =>
    wanted.includes(name) ? Array.from({ length: weight }, () => deed) : [],
  );
  const { chance, tally, isOver } = scene;
  while (bag.length > 0 && !isOver()) {
    for (const deed of chance.shuffled(bag)) {
      await sleep(chance.int(300, 2_700));
      if (isOver()) return;
      const name = await deed(scene);
      if (name !== undefined) tally.count('faults', name);
    }
  }
}

async function injectLight(scene: Scene, { everyMs, deed }: { everyMs: number; deed: Deed }): Promise<void> {
  const { chance, tally, isOver } = scene;
  while (!isOver()) {
    await sleep(chance.int(1, 2 * everyMs));
    const name = await deed(scene).catch(() => undefined);
    if (name !== undefined) tally.count('faults', name);
  }
}

/** Of the cuts that are possible, one that has been made least often. */
function seldomOne(tally: Tally, chance: Chance): Cut {
  const made = new Map(tally.of('cuts'));
  const cuts = UNITS.flatMap((unit) => POINTS.map((point) => ({ unit, point, part: part(chance) })));
  const possible = cuts.filter(({ unit, point }) => unit !== 'connect' || point === POINTS[0]);
  const counts = possible.map((cut) => made.get(cutName(cut)) ?? 0);
  const least = Math.min(...counts);
  return chance.pick(possible.filter((_, index) => (counts[index] ?? 0) <= least + 2));
}

export function cutName({ unit, point }: Cut): string {
  return unit === 'connect' ? 'connection: at once' : `${unit}: ${point}`;
}

function part(chance: Chance): number {
  return chance.int(0, 100) / 100;
}

async function takeAllConnections(url: string): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch {
      return taken;
    }
    taken.push(client);
  }
}

async function reopen(cluster: Cluster, database: string, wallet: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const client = await cluster.connect(database);
      await client.query("select from ledger.wallet_reopen($1, 'prove')", [wallet]).finally(() => client.end());
      return;
    } catch (error) {
      if (attempt === 500) throw error;
      await sleep(50);
    }
  }
}
