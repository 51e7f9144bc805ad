/** A client under test: a program that reads a command a line and writes what came of it, a line each. Any language can do it. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** What the program is told to do: see "A client in another language" in docs/client.md. */
export interface ProgramCommand {
  do: string;
  url?: string;
  /** Seconds. */
  deadline?: number;
  tryTimeout?: number;
  owner?: string;
  asset?: string;
  to?: string;
  amount?: string;
  key?: string;
  metadata?: Record<string, unknown>;
  expiresAt?: string;
  holdId?: string;
  transferId?: string;
  pageSize?: number;
  requests?: ProgramRequest[];
}

export interface ProgramRequest {
  kind: string;
  owner: string;
  asset: string;
  to?: string;
  amount?: string;
  key: string;
}

export interface ProgramRefusal {
  code: string;
  detail: Record<string, unknown>;
  inDoubt: boolean;
}

/** One of these. Amounts are texts. */
export interface ProgramResult {
  done?: unknown;
  refused?: ProgramRefusal;
  unknown?: { keys: string[]; sent: boolean };
}

/** Only what hangs takes so long. */
const LIMIT_MS = 120_000;

export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #complaints = '';

  /** `command` is a program and its arguments. */
  constructor([file = '', ...args]: readonly string[], env: { url: string; token: string }) {
    this.#child = spawn(file, args, { env: { ...process.env, WALLET_URL: env.url, WALLET_TOKEN: env.token } });
    this.#child.on('error', (error) => (this.#complaints += error.message));
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** What came of a command. */
  async does(command: ProgramCommand): Promise<ProgramResult> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`No result of ${command.do}: ${this.#complaints}`)), LIMIT_MS);
    try {
      const result = await Promise.race([this.#lines.next(), promise]);
      if (result.done === true) throw new Error(`It ended in place of a result of ${command.do}: ${this.#complaints}`);
      return JSON.parse(result.value) as ProgramResult;
    } finally {
      clearTimeout(timer);
    }
  }

  stop(): void {
    this.#reader.close();
    this.#child.kill('SIGKILL');
  }
}
