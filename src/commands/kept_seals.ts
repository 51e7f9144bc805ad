/** The file of seals that is kept elsewhere: a line of JSON for each, the oldest first. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { ConfigError } from '../config.ts';

/** As the ledger gave it, unread but for its number. */
export interface KeptSeal {
  seq: number;
  line: string;
}

/** Undefined where there is no such file. */
export async function readKeptSeals(path: string): Promise<KeptSeal[] | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`);
  });
  return text
    ?.split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => ({ seq: seqOf(line, `${path}, line ${index + 1}`), line }));
}

export const toList = (seals: KeptSeal[]): string => `[${seals.map(({ line }) => line).join(',')}]`;

/** The file is at any moment the old one or the new one, whole. */
export async function writeKeptSeals(path: string, seals: KeptSeal[]): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(seals.map(({ line }) => `${line}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new ConfigError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function seqOf(line: string, place: string): number {
  let seal: unknown;
  try {
    seal = JSON.parse(line);
  } catch {
    throw new ConfigError(`${place} is not JSON`);
  }
  const seq = typeof seal === 'object' && seal !== null && 'seq' in seal ? seal.seq : undefined;
  if (typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0) return seq;
  throw new ConfigError(`${place} is not a seal`);
}
