/** A separate compose project, made only from the files of the checkout. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { ROOT, type Env } from '../../../src/testing.ts';

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The checked part of `docker inspect`. */
export interface Inspected {
  Id: string;
  Name: string;
  Image: string;
  Config: {
    User: string;
    Env: string[] | null;
    Cmd: string[] | null;
    Healthcheck?: object;
    Labels: Record<string, string>;
  };
  HostConfig: {
    ReadonlyRootfs: boolean;
    Privileged: boolean;
    CapDrop: string[] | null;
    CapAdd: string[] | null;
    SecurityOpt: string[] | null;
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]> | null;
    Memory: number;
    PidsLimit: number | null;
    LogConfig: { Config: Record<string, string> };
  };
  State: { Status: string; ExitCode: number; Health?: { Status: string } };
}

const BUILD_LIMIT_MS = 20 * 60_000;
const LIMIT_MS = 5 * 60_000;

export class Compose {
  readonly project = `wallet-e2e-${randomBytes(3).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'wallet-e2e-'));
  readonly #command: string[];
  readonly #profiles: string[];
  #port = 0;
  /** May change between two `up`. */
  env: Env = {};

  constructor(profiles: string[]) {
    this.#command = composeCommand();
    this.#profiles = profiles.flatMap((profile) => ['--profile', profile]);
    for (const path of trackedFiles())
      cpSync(join(ROOT, path), join(this.folder, path), { recursive: true, verbatimSymlinks: true });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(...services: string[]): Promise<void> {
    this.#port ||= await freePort();
    await this.run(['up', '--build', '--detach', ...services], BUILD_LIMIT_MS);
  }

  /** Removes the project; called in any case. */
  async down(): Promise<void> {
    await this.run(['down', '--volumes', '--remove-orphans', '--timeout', '30']);
    rmSync(this.folder, { recursive: true });
    const left = ['ps', 'volume', 'network'].map((kind) => {
      const list = kind === 'ps' ? ['ps', '--all'] : [kind, 'ls'];
      return docker(...list, '--quiet', '--filter', `label=com.docker.compose.project=${this.project}`).stdout;
    });
    assert.deepEqual(left, ['', '', ''], 'something of the project is left behind');
  }

  /** Throws with the output if the command fails. */
  async run(args: string[], limit = LIMIT_MS): Promise<string> {
    const result = await this.try(args, limit);
    if (result.code !== 0) throw new Error(`compose ${args.join(' ')}: ${result.stderr}${result.stdout}`);
    return result.stdout;
  }

  async try(args: string[], limit = LIMIT_MS): Promise<Result> {
    const [command = '', ...rest] = this.#command;
    const child = spawn(command, [...rest, '--project-name', this.project, ...this.#profiles, ...args], {
      cwd: this.folder,
      env: { ...dockerEnvironment(), PORT: String(this.#port), ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limit,
    });
    const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  }

  /** Runs a command in a service's container. */
  exec(service: string, ...command: string[]): Promise<string> {
    return this.run(['exec', '-T', service, ...command]);
  }

  /** Runs a query on `db` as its administrator. */
  async query(sql: string, service = 'db'): Promise<string> {
    const psql = ['psql', '--no-psqlrc', '--tuples-only', '--no-align', '--username=postgres', '--dbname=wallet'];
    return (await this.exec(service, ...psql, '--command', sql)).trim();
  }

  /** All containers of the project, including ended ones. */
  containers(): Inspected[] {
    const ids = docker('ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${this.project}`);
    return JSON.parse(docker('inspect', ...ids.stdout.split('\n').filter(Boolean)).stdout) as Inspected[];
  }

  container(service: string): Inspected {
    const found = this.containers().find((container) => serviceOf(container) === service);
    if (!found) throw new Error(`${service} has no container`);
    return found;
  }

  /** The complete log of the service's container. */
  logs(service: string): string {
    const { stdout, stderr } = docker('logs', this.container(service).Id);
    return stdout + stderr;
  }

  async healthy(service: string): Promise<void> {
    await until(`${service} is healthy`, () => this.container(service).State.Health?.Status === 'healthy');
  }
}

export const serviceOf = ({ Config }: Inspected): string => Config.Labels['com.docker.compose.service'] ?? '';

export function docker(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync('docker', args, {
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: 64_000_000,
  });
  return { code: status, stdout, stderr };
}

/** Waits for a condition, with a generous limit. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, limit = LIMIT_MS): Promise<void> {
  for (const deadline = Date.now() + limit; !(await isTrue()); await sleep(500)) {
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}`);
  }
}

/** Compose v2 if it is installed, otherwise docker-compose. */
function composeCommand(): string[] {
  const candidates = [['docker', 'compose'], ['docker-compose']];
  const found = candidates.find(([command = '', ...args]) => spawnSync(command, [...args, 'version']).status === 0);
  if (!found || docker('version').code !== 0) throw new Error('This needs a Docker engine, and compose');
  return found;
}

/** Includes new files that are not committed, but no runtime data. */
function trackedFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error('This needs a git checkout');
  return stdout.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

/** Variables for the engine and the base images, and none that configure the service. */
function dockerEnvironment(): Env {
  const names = /^(PATH|HOME|DOCKER_.*|COMPOSE_(?!FILE|PROJECT|PROFILES).*|(NODE|POSTGRES|PROMETHEUS|GRAFANA)_IMAGE)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
