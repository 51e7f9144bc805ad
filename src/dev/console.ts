/** `npm run console`, and each start in development: builds the console if its sources have changed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { command } from '../command.ts';
import { oneLine } from '../exit.ts';
import { log } from '../observability/log.ts';

const BUILD = fileURLToPath(new URL('../../console/build.ts', import.meta.url));
const BUILD_MS = 120_000;
const HELP = `npm run console

Builds the console's files, in console/dist, where they are not those of the sources. npm start does so in development; production serves what is there.`;

export async function buildConsole(): Promise<void> {
  await promisify(execFile)(process.execPath, [BUILD], { timeout: BUILD_MS });
}

/** If the build fails, the service starts without a console and logs why. An image has the built files and no sources. */
export async function tryToBuildConsole(): Promise<void> {
  if (!existsSync(BUILD)) return;
  await buildConsole().catch((error: unknown) => log.warn({ reason: oneLine(error) }, 'the console cannot be built'));
}

if (import.meta.main) await command({ help: HELP }, () => buildConsole().then(() => 0));
