/** Makes a server from a base backup and archived log: https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-PITR-RECOVERY */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Place } from '../../../src/dev/embedded.ts';
import { isAway } from '../prove/away.ts';
import { ask, giveFiles, type Node, type Settings } from '../prove/node.ts';
import type { Archive } from './archive.ts';

const WAIT_MS = 120_000;

/** Without a target, recovery continues to the end of the archive. */
export function recovering(archive: Archive, target: Date | undefined): Settings {
  const until = target && { recovery_target_time: inUtc(target), recovery_target_action: 'promote' };
  return { ...archive.restoring, ...until };
}

/** Restores to a node with those settings; resolves when it accepts writes. If the archive ends before the target, PostgreSQL refuses. */
export async function restore(node: Node, backup: Place): Promise<void> {
  await promisify(execFile)('cp', ['-a', backup.data, backup.password, node.place.home]);
  await giveFiles(node.place, { 'recovery.signal': '' });
  await node.start();
  await promoted(node);
}

/** The server accepts connections while it still recovers. */
async function promoted(node: Node): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; await sleep(20)) {
    const [state] = await ask<{ recovers: boolean }>(node.url, 'select pg_is_in_recovery() as recovers', []).catch(
      (error: unknown) => {
        if (!isAway(error)) throw error;
        return [];
      },
    );
    if (state?.recovers === false) return;
    if (!existsSync(node.place.pidFile)) throw new Error(await lastWords(node.place));
  }
  throw new Error(`${WAIT_MS / 1000} seconds, and still not recovered: ${await lastWords(node.place)}`);
}

/** The last error in the log, except those of sessions during start-up and shutdown. */
async function lastWords({ log }: Place): Promise<string> {
  const text = await readFile(log, 'utf8');
  const lines = text.split('\n').filter((line) => /(FATAL|PANIC): (?! *the database system is)/.test(line));
  return lines.at(-1) ?? 'PostgreSQL ended without a word';
}

/** The setting accepts neither names of time zones nor Z. */
function inUtc(time: Date): string {
  return time.toISOString().replace('Z', '+00');
}
