import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { linesOfLog, ROOT } from '../testing.ts';

/** Runs a script with the log, as text or in production's format. */
function run(script: string, production = true): ChildProcess & { stderrText: () => string } {
  const code = `
    const { configureLog, describeError, droppedLines, log, logCrashes, takeOverConsole } = await import('./src/observability/log.ts');
    configureLog({ logLevel: 'info', production: ${production} });
    process.stdout.write('Listening\\n');
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
  return Object.assign(child, { stderrText: () => text });
}

async function outputOf(script: string, production = true): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = run(script, production);
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (more: string) => (stdout += more));
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, stdout: stdout.replace('Listening\n', ''), stderr: child.stderrText() };
}

describe('the log', () => {
  it('writes successes to standard output, the rest to standard error, and all of it before the process ends', async () => {
    const { code, stdout, stderr } = await outputOf(`
      log.debug('unseen');
      for (let nth = 0; nth < 1000; nth += 1) log.info({ nth }, 'fine');
      log.warn('careful'); log.error('broken');
      process.exit(3);`);

    expect(code).toBe(3);
    // At the end of the process, lines still being written come after the others.
    const numbers = linesOfLog(stdout).map(({ nth }) => Number(nth));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, nth) => nth));
    const said = linesOfLog(stderr).map(({ level, msg }) => `${String(level)} ${String(msg)}`);
    expect(said.sort()).toEqual(['error broken', 'warn careful']);
  });

  it('is text for people in development', async () => {
    const { stdout, stderr } = await outputOf(
      `log.info({ path: '/graphql', ms: 1.5, sub: 'a "b"\\n' }, 'request'); log.error('broken');`,
      false,
    );

    expect(stdout).toMatch(/^\d\d:\d\d:\d\d info request path=\/graphql ms=1\.5 sub="a \\"b\\"\\n"\n$/);
    expect(stderr).toMatch(/^\d\d:\d\d:\d\d error broken\n$/);
  });

  it('drops and counts lines that are not read, and does not delay the exit', async () => {
    const child = run(`
      const line = 'x'.repeat(1000);
      for (let nth = 0; nth < 20_000; nth += 1) log.info(line);
      log.warn({ dropped: droppedLines() }, 'counted');
      setTimeout(() => process.exit(0), 100);`);
    child.stdout?.pause();

    // It exits although nobody reads; the last lines are still in the pipe.
    const [code] = (await once(child, 'exit')) as unknown[];
    const closed = once(child, 'close');
    child.stdout?.resume();
    await closed;

    expect(code).toBe(0);
    const [{ dropped } = {}] = linesOfLog(child.stderrText());
    expect(dropped).toBeGreaterThan(10_000);
    expect(dropped).toBeLessThan(20_000);
  });

  it('has a crash as one line, without other contents of the error, and exits with 1', async () => {
    const { code, stderr } = await outputOf(`
      logCrashes();
      const error = Object.assign(new Error('column does not exist'), { code: '42703', detail: 'secret' });
      setTimeout(() => { throw error; });
      setTimeout(() => undefined, 60_000);`);

    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(linesOfLog(stderr)).toEqual([
      expect.objectContaining({ level: 'fatal', msg: 'crashed', error: '42703 column does not exist' }),
    ]);
  });

  it("has a library's console output as lines, without the values", async () => {
    const { stdout, stderr } = await outputOf(`
      takeOverConsole();
      console.error('Refused:', { variables: { secret: 1 } });
      console.dir({ secret: 1 });
      console.log(Object.assign(new Error('odd'), { code: 'ODD', detail: 'secret' }));`);

    expect(stdout).toBe('');
    expect(stderr).not.toContain('secret');
    expect(linesOfLog(stderr).map(({ msg, said }) => [msg, said])).toEqual([
      ['printed by a library', 'Refused:'],
      ['printed by a library', ''],
      ['printed by a library', 'ODD odd'],
    ]);
  });
});
