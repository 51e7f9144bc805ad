/** A PostgreSQL for one run, as durable as in production, and nothing of it afterwards. */
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
  // Of a run that was killed. One that still runs is not ours to stop: this fails then.
  if (existsSync(dataDir)) {
    const leftOver = await start();
    await leftOver.stop();
    await remove(dataDir);
  }
  const server = await start().catch(async (error: unknown) => {
    // Interrupted before there was a cluster; one that is there may be another run's by now.
    if (!existsSync(`${dataDir}/data`)) await remove(dataDir);
    throw error;
  });
  return { ...server, stop: () => server.stop().finally(() => remove(dataDir)) };
}

/** The folder may be a link to a place where the server's account can get. */
export async function remove(dataDir: string): Promise<void> {
  const folder = await realpath(dataDir).catch(() => dataDir);
  await rm(folder, { recursive: true, force: true });
  await rm(dataDir, { force: true });
}
