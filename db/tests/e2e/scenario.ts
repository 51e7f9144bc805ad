/** Checks the promises of the compose file one after the other. */
import assert from 'node:assert/strict';
import { until, type Compose } from './compose.ts';
import { checkContainer, checkImage, checkInside, checkSecrets } from './hardening.ts';
import { callerOf, replays, walkThrough, type Trace } from './steps.ts';

type Report = (step: string) => void;

/** The seed's asset. */
const ASSET = 'GOLD';
const LOGINS = ['bash', '/docker-entrypoint-initdb.d/logins.sh'];
/** Much longer than a commit takes, much shorter than any timeout of the service. */
const HELD_UP_MS = 3_000;

export class Scenario {
  readonly #compose: Compose;
  readonly #report: Report;
  #token = '';

  constructor(compose: Compose, report: Report) {
    this.#compose = compose;
    this.#report = report;
  }

  async plain(): Promise<void> {
    const compose = this.#compose;
    await compose.up('gateway');
    await compose.healthy('gateway');
    this.#report('compose: comes up with one command, in development');

    await until('the log shows a token', () => /^token +\S+$/m.test(compose.logs('gateway')));
    this.#token = /^token +(\S+)$/m.exec(compose.logs('gateway'))?.[1] ?? '';
    assert.match(compose.logs('gateway'), /^curl -s http:\/\/localhost:5678\/graphql -H 'Authorization: Bearer \S+'/m);
    await this.#hasConsole();
    const trace = await this.#walk();
    this.#report('compose: the log has a token that works, and the console is there');

    compose.containers().forEach(checkContainer);
    await checkInside(compose);
    this.#report('compose: no container has rights, or a file system to write to');
    await checkSecrets(compose);
    this.#report('compose: secrets are files of their readers, and seen nowhere else');
    const { megabytes } = checkImage(compose.container('gateway').Image);
    this.#report(`compose: the image has what the service loads, and nothing else: ${megabytes} MB`);

    await this.#restarts(trace);
    await this.#rotates(trace);
    await this.#production(trace);
    await this.#verify();
  }

  async replica(): Promise<void> {
    const compose = this.#compose;
    const trace = await this.#walk();
    await compose.up('gateway', 'standby', 'synchronous');
    await compose.healthy('synchronous');
    compose.containers().forEach(checkContainer);
    await this.#walk();
    const count = 'select count(*) from ledger.entries';
    // The standby shows a commit a moment later.
    await until('it shows them', async () => (await compose.query(count, 'standby')) === (await compose.query(count)));
    this.#report('replica: a synchronous standby has what db has');

    await compose.run(['stop', '--timeout', '1', 'standby']);
    const spend = callerOf({ url: compose.url, token: this.#token }).receipt('walletSpend', {
      walletId: trace.walletId,
      amount: '1',
      idemKey: 'held up',
    });
    const first = await Promise.race([spend, new Promise((resolve) => setTimeout(resolve, HELD_UP_MS, 'held up'))]);
    assert.equal(first, 'held up', 'a commit did not wait for the standby');
    await compose.run(['start', 'standby']);
    assert.equal((await spend).balance, '59');
    this.#report('replica: a commit waits for a standby that is away');

    await compose.healthy('synchronous');
    await compose.run(['stop', 'synchronous', 'standby']);
    assert.equal(await compose.query('show synchronous_standby_names'), '');
    await this.#walk();
    this.#report('replica: without the profile, db waits for nobody');
  }

  async observability(): Promise<void> {
    const compose = this.#compose;
    compose.env = { ...compose.env, PROMETHEUS_PORT: '0' };
    await compose.up('gateway', 'prometheus');
    await compose.healthy('prometheus');
    compose.containers().forEach(checkContainer);
    await until('Prometheus has read the metrics of the gateway', async () => {
      const url = 'http://127.0.0.1:9090';
      const answer = await compose.exec(
        'prometheus',
        'promtool',
        'query',
        'instant',
        url,
        'up{instance="gateway:5678"}',
      );
      return answer.includes('=> 1 @');
    });
    this.#report('observability: Prometheus reads the metrics of the gateway');
  }

  /** Checks the console's page and its script. The IDE is served only to the service's machine. */
  async #hasConsole(): Promise<void> {
    const { url } = this.#compose;
    const page = await fetch(`${url}/console/`);
    assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/);
    const [, script = ''] = /src="([^"]+\.js)"/.exec(await page.text()) ?? [];
    const response = await fetch(new URL(script, url));
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /javascript/);
    assert.equal((await fetch(`${url}/ruru`)).status, 404);
  }

  async #walk(): Promise<Trace> {
    return walkThrough({ url: this.#compose.url, token: this.#token, asset: ASSET }, () => undefined);
  }

  async #isKept(trace: Trace): Promise<void> {
    await replays(callerOf({ url: this.#compose.url, token: this.#token }), trace);
  }

  async #verify(): Promise<void> {
    // Without a terminal it prints only findings.
    assert.equal((await this.#compose.exec('gateway', 'node', 'src/commands/verify.ts')).trim(), '');
    this.#report('compose: the ledger is sound, by the command in the container');
  }

  /** A gateway that stops within Docker's time limit has exit code 0. */
  async #restarts(trace: Trace): Promise<void> {
    const compose = this.#compose;
    await compose.run(['stop', 'gateway']);
    assert.equal(compose.container('gateway').State.ExitCode, 0);
    await compose.run(['start', 'gateway']);
    await compose.healthy('gateway');
    await this.#isKept(trace);
    await compose.run(['restart', 'db']);
    await compose.healthy('db');
    await compose.healthy('gateway');
    await until('calls are answered', async () => (await fetch(`${compose.url}/readyz`)).ok);
    await this.#isKept(trace);
    this.#report('compose: gateway and database stop in peace, and start again with the same token and the same rows');
  }

  async #rotates(trace: Trace): Promise<void> {
    const compose = this.#compose;
    const rotate = (secret: string) =>
      compose.run(['run', '--rm', 'secrets', 'node', 'ops/secrets.ts', '--rotate', secret]);
    for (const name of ['admin', 'gateway', 'worker', 'standby']) await rotate(`${name}-password`);
    await compose.exec('db', ...LOGINS);
    await rotate('jwt-secret');
    await compose.run(['restart', 'gateway']);
    await compose.healthy('gateway');
    const old = await callerOf({ url: compose.url, token: this.#token }).post('{ __typename }');
    assert.equal(old.status, 401);
    await this.#takeToken();
    await this.#isKept(trace);
    // This uses the administrator's password.
    assert.match(await compose.run(['run', '--rm', 'migrate']), /^migrated and seeded$/m);
    this.#report('compose: every secret can be changed; tokens of the old one are refused');
  }

  async #production(trace: Trace): Promise<void> {
    const compose = this.#compose;
    compose.env = { NODE_ENV: 'production' };
    await compose.up('gateway');
    await compose.healthy('gateway');
    assert.doesNotMatch(compose.logs('gateway'), /token/);
    assert.equal((await fetch(`${compose.url}/ruru`)).status, 404, 'the IDE');
    assert.equal((await fetch(`${compose.url}/console/`)).status, 200, 'the console');
    await this.#isKept(trace);
    await this.#takeToken();
    await this.#walk();
    this.#report('compose: in production the log has no token and there is no IDE');
  }

  async #takeToken(): Promise<void> {
    const args = ['src/dev/token.ts', '--role', 'service', '--sub', 'e2e'];
    this.#token = (await this.#compose.exec('gateway', 'node', ...args)).trim().split('\n').at(-1) ?? '';
  }
}
