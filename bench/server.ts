/** Starts a PostgreSQL for one run, with production's durability, and removes it afterwards. */
import { existsSync } from 'node:fs';
import { realpath, rm } from 'node:fs/promises';
import { startEmbedded, type EmbeddedServer } from '../src/dev/embedded.ts';

const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
};

export async function startServer(dataDir: string): Promise<EmbeddedServer> {
  const start = (): Promise<EmbeddedServer> =>
    startEmbedded({ dataDir, database: 'postgres', settings: SETTINGS, exclusive: true });
  // Left by a killed run. If another run still uses it, this fails.
  if (existsSync(dataDir)) {
    const leftOver = await start();
    await leftOver.stop();
    await remove(dataDir);
  }
  const server = await start().catch(async (error: unknown) => {
    // Interrupted before there was a cluster; an existing one may belong to another run by now.
    if (!existsSync(`${dataDir}/data`)) await remove(dataDir);
    throw error;
  });
  return { ...server, stop: () => server.stop().finally(() => remove(dataDir)) };
}

/** The folder may be a link to a place that the server's account can enter. */
export async function remove(dataDir: string): Promise<void> {
  const folder = await realpath(dataDir).catch(() => dataDir);
  await rm(folder, { recursive: true, force: true });
  await rm(dataDir, { force: true });
}
