/**
 * The compose file runs this first: it makes missing secrets, each in the folder of every service that reads it. `--rotate <name>` makes
 * one anew, `--set <name>` takes it from standard input.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { UsageError } from '../src/exit.ts';
import { command } from '../src/command.ts';

/** The readers of each secret. After an interrupted change the first reader's copy is valid. */
const READERS: Record<string, readonly string[]> = {
  'admin-password': ['db', 'migrate'],
  'gateway-password': ['db', 'gateway'],
  'worker-password': ['db', 'gateway'],
  'standby-password': ['db', 'standby'],
  'jwt-secret': ['gateway'],
  'grafana-password': ['grafana'],
};

/** Readable by the owner and the group, to which every reader belongs. */
const MODE = 0o440;

/** Base64url needs no quoting anywhere. */
const generate = (): string => randomBytes(32).toString('base64url');

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the file atomically: a reader finds the old secret or the new one. */
async function write(path: string, value: string): Promise<void> {
  const draft = `${path}.draft`;
  // A draft left by a crash is read-only and could not be opened for writing.
  await rm(draft, { force: true });
  await writeFile(draft, value, { mode: MODE, flush: true });
  await rename(draft, path);
}

async function place(folder: string, name: string, given?: string): Promise<void> {
  const paths = READERS[name]?.map((reader) => join(folder, reader, name)) ?? [];
  const found = await Promise.all(paths.map(read));
  const value = given ?? found.find((content) => content !== undefined) ?? generate();
  for (const [index, path] of paths.entries()) if (found[index] !== value) await write(path, value);
}

const HELP = `node ops/secrets.ts [--folder <folder>] [--rotate <name> | --set <name>]

Makes the secrets of the compose file that are not there yet: ${Object.keys(READERS).join(', ')}.

  --folder <folder>  where they are kept, a folder for each reader (/secrets)
  --rotate <name>    makes this one anew
  --set <name>       takes this one from standard input`;

const OPTIONS = {
  folder: { type: 'string', default: '/secrets' },
  rotate: { type: 'string' },
  set: { type: 'string' },
} as const;

await command({ help: HELP, options: OPTIONS }, async ({ folder, rotate, set }) => {
  const name = rotate ?? set;
  if (name === undefined) {
    for (const each of Object.keys(READERS)) await place(folder, each);
    console.log('the secrets are there');
    return 0;
  }
  if (rotate !== undefined && set !== undefined) throw new UsageError('Give --rotate or --set, not both');
  if (!Object.hasOwn(READERS, name))
    throw new UsageError(`There is no secret ${name}, only: ${Object.keys(READERS).join(', ')}`);
  const given = set === undefined ? generate() : (await text(process.stdin)).trim();
  if (given === '') throw new UsageError('Standard input gave no secret');
  await place(folder, name, given);
  console.log(`${name} is changed in the files of: ${READERS[name]?.join(', ')}`);
  return 0;
});
