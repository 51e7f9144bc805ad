/** The archive of a server's write-ahead log: archiving, reading and damaging it. */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Settings } from '../prove/node.ts';

const SEGMENT = /^[0-9A-F]{24}$/;

export class Archive {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A segment appears whole or not at all. An existing one, as after a crash, is no error but never replaced. */
  archiving(timeoutSeconds: number): Settings {
    const to = `"${this.folder}/%f"`;
    return {
      wal_level: 'replica',
      archive_mode: 'on',
      archive_timeout: `${timeoutSeconds}s`,
      archive_command: `if test -f ${to}; then cmp -s "%p" ${to}; else cp "%p" ${to}.part && mv ${to}.part ${to}; fi`,
    };
  }

  get restoring(): Settings {
    return { restore_command: `cp "${this.folder}/%f" "%p"` };
  }

  /** The complete segments after this one, oldest first. */
  async after(segment: string): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => SEGMENT.test(name) && name > segment).sort();
  }

  async copyTo(folder: string): Promise<Archive> {
    await promisify(execFile)('cp', ['-a', `${this.folder}/.`, folder]);
    return new Archive(folder);
  }

  async lose(segment: string): Promise<void> {
    await rm(join(this.folder, segment));
  }

  /** Flips some bytes of a segment. */
  async damage(segment: string): Promise<void> {
    const path = join(this.folder, segment);
    const bytes = await readFile(path);
    // The first pages: later pages of a segment that was closed early are empty.
    for (let at = 100; at < 8_000; at += 100) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
  }
}
