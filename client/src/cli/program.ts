/** The process around a command: its streams, its end, and what interrupts it. */
import { run, type Surroundings } from './run.ts';

/** Runs the command of this process's arguments. */
export async function runProgram({ program, fallback }: Pick<Surroundings, 'program' | 'fallback'>): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  // Whoever reads has seen enough, as `head` does.
  process.stdout.on('error', () => process.exit());
  const { stdout, stderr, env, argv } = process;
  process.exitCode = await run(argv.slice(2), {
    ...{ program, stdout, stderr, env, signal: interrupted.signal },
    ...(fallback && { fallback }),
  });
}
