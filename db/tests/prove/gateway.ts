/** The service as a process that may be killed, behind a proxy that stays. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { signToken } from '../../../src/dev/sign_token.ts';
import { Child, type Env } from '../../../src/testing.ts';
import { HttpProtocol } from './protocol.ts';
import { Proxy, type Cut } from './proxy.ts';

const LOGGED_WITHIN_MS = 5_000;
/** Longer than the database is away after any fault. */
const STARTS_WITHIN_MS = 240_000;

export class Gateway {
  readonly proxy: Proxy;
  readonly #secret = randomBytes(32).toString('hex');
  readonly #env: Env;
  #child: Child | undefined;
  #port: number | undefined;

  private constructor(env: Env, onCut: (cut: Cut) => void) {
    this.#env = env;
    this.proxy = new Proxy(
      () => this.#port,
      () => new HttpProtocol(),
      onCut,
    );
  }

  static async start(databaseUrl: string, onCut: (cut: Cut) => void, more: Env = {}): Promise<Gateway> {
    const gateway = new Gateway({ DATABASE_URL: databaseUrl, ...more }, onCut);
    await gateway.proxy.listen();
    await gateway.#spawn();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  token(): Promise<string> {
    return signToken({ kind: 'secret', secret: this.#secret }, { role: 'operator', sub: 'prove' });
  }

  /** The line that tells of an internal error. */
  async logOf(id: string | undefined): Promise<string> {
    if (id === undefined) return '';
    const child = this.#child;
    for (const deadline = Date.now() + LOGGED_WITHIN_MS; ; await sleep(20)) {
      const line = child?.stderr.split('\n').find((text) => text.includes(id));
      if (line !== undefined || Date.now() > deadline) return line ?? '';
    }
  }

  /** With SIGKILL, and started again. */
  async kill(): Promise<void> {
    this.#port = undefined;
    this.#child?.signal('SIGKILL');
    await this.#child?.exited;
    await this.#spawn();
  }

  /** As an operator does, to change what it is told. */
  async restart(more: Env): Promise<void> {
    Object.assign(this.#env, more);
    this.#port = undefined;
    await this.#child?.stop();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
    await this.proxy.close();
  }

  /** While the database is away, the service does not start: it is tried until it does. */
  async #spawn(): Promise<void> {
    for (const deadline = Date.now() + STARTS_WITHIN_MS; ; await sleep(200)) {
      const child = new Child(process.execPath, ['src/server.ts'], {
        env: {
          NODE_ENV: 'production',
          JWT_SECRET: this.#secret,
          PORT: '0',
          // Errors are what is looked for; a line for each call would fill the memory in an hour.
          LOG_LEVEL: 'warn',
          ...this.#env,
        },
      });
      this.#child = child;
      try {
        const [, url = ''] = await child.prints(/^Listening on (\S+)$/m);
        this.#port = Number(new URL(url).port);
        return;
      } catch (error) {
        await child.stop();
        if (Date.now() > deadline) throw error;
      }
    }
  }
}
