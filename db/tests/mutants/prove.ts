/** A mutant of the server's settings shows in a crash only: `npm run prove` makes crashes and counts what they cost. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SettingMutant } from './mutants.ts';

const COMMAND = fileURLToPath(new URL('../prove/prove.ts', import.meta.url));
const LIMIT_MS = 300_000;
const SUMMARY = /^lost = \d+, duplicated = \d+, findings = \d+, seed = /;
const NOTHING_LOST = 'lost = 0, duplicated = 0, findings = 0, seed = ';

interface Outcome {
  code: number | null;
  /** The last line that it printed. */
  last: string;
}

/** Caught where the proof finds something with the setting, and nothing without it. */
export async function crash(
  { prove: { args, settings } }: SettingMutant,
  signal: AbortSignal,
): Promise<{ caught: boolean; by: string }> {
  if (!existsSync(COMMAND)) return { caught: false, by: 'NOT RUN: there is no db/tests/prove/prove.ts' };
  const sound = await prove(args, signal);
  if (sound.code !== 0 || !sound.last.startsWith(NOTHING_LOST)) {
    throw new Error(`Red without a mutant: npm run prove -- ${args.join(' ')}: ${sound.last}`);
  }
  const given = Object.entries(settings).flatMap(([name, value]) => ['--setting', `${name}=${value}`]);
  const { code, last } = await prove([...args, ...given], signal);
  return {
    caught: isCaught({ code, last }),
    by: `${isCaught({ code, last }) ? '' : 'SURVIVED: '}npm run prove: ${last}`,
  };
}

/** One that ended for another reason proves nothing. Exported for its test. */
export function isCaught({ code, last }: Outcome): boolean {
  if (!SUMMARY.test(last)) throw new Error(`npm run prove ended without a summary: ${last}`);
  return code === 1 && !last.startsWith(NOTHING_LOST);
}

async function prove(args: string[], signal: AbortSignal): Promise<Outcome> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    signal,
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, last: said.trimEnd().split('\n').at(-1) ?? '' }));
  });
}
