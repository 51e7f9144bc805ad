/** Checks what a container may do, from outside and inside. */
import assert from 'node:assert/strict';
import { docker, serviceOf, type Compose, type Inspected } from './compose.ts';

/** The secrets that a service can read. */
const SECRETS: Record<string, string[]> = {
  db: ['admin-password', 'gateway-password', 'standby-password', 'worker-password'],
  gateway: ['gateway-password', 'jwt-secret', 'worker-password'],
};

export function checkContainer(container: Inspected): void {
  const { Config, HostConfig, State } = container;
  const service = serviceOf(container);
  const { ReadonlyRootfs, Privileged, CapDrop, CapAdd, SecurityOpt, Memory, PidsLimit, LogConfig } = HostConfig;
  assert.deepEqual(
    { ReadonlyRootfs, Privileged, CapDrop, CapAdd: CapAdd ?? [], SecurityOpt },
    {
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges:true'],
    },
    service,
  );
  assert.doesNotMatch(Config.User, /^(|root|0+)(:|$)/, `${service} runs as root`);
  assert.ok(Memory > 0 && (PidsLimit ?? 0) > 0, `${service} has no limits`);
  assert.ok(LogConfig.Config['max-size'] && LogConfig.Config['max-file'], `${service} has endless logs`);
  if (State.Status !== 'running') assert.equal(State.ExitCode, 0, `${service} has failed`);
  else assert.ok(Config.Healthcheck, `${service} has no health check`);
  for (const [port, bindings] of Object.entries(HostConfig.PortBindings ?? {})) {
    assert.doesNotMatch(port, /^5432/, `${service} publishes a database`);
    for (const { HostIp } of bindings) assert.equal(HostIp, '127.0.0.1', `${service} is open to other machines`);
  }
}

/** Checks the processes: no root, no capabilities, no way to get them, no writable files. */
export async function checkInside(compose: Compose): Promise<void> {
  const status = [
    await compose.exec('gateway', 'node', '-p', "require('fs').readFileSync('/proc/1/status', 'utf8')"),
    await compose.exec('db', 'cat', '/proc/1/status'),
  ];
  for (const lines of status) {
    assert.match(lines, /^Uid:\s+[1-9]/m);
    assert.match(lines, /^CapEff:\s+0{16}$/m);
    assert.match(lines, /^CapBnd:\s+0{16}$/m);
    assert.match(lines, /^NoNewPrivs:\s+1$/m);
  }
  assert.notEqual((await compose.exec('db', 'id', '-u')).trim(), '0');

  for (const folder of ['/', '/app/', '/app/src/', '/usr/local/bin/', '/run/secrets/']) {
    const script = `try { require('fs').writeFileSync('${folder}x', '') } catch ({ code }) { console.log(code) }`;
    assert.match(
      await compose.exec('gateway', 'node', '-e', script),
      /^(EROFS|EACCES)$/m,
      `${folder} can be written to`,
    );
  }
  for (const folder of ['/', '/etc/', '/run/secrets/', '/docker-entrypoint-initdb.d/']) {
    assert.notEqual(
      (await compose.try(['exec', '-T', 'db', 'touch', `${folder}x`])).code,
      0,
      `${folder} can be written to`,
    );
  }
}

/** Checks that each service has exactly its secrets as files, and that none is visible from outside. */
export async function checkSecrets(compose: Compose): Promise<void> {
  const list = "require('fs').readdirSync('/run/secrets').map((name) => console.log(name))";
  const seen = {
    db: await compose.exec('db', 'ls', '/run/secrets'),
    gateway: await compose.exec('gateway', 'node', '-e', list),
  };
  for (const [service, names] of Object.entries(seen)) {
    assert.deepEqual(names.trim().split(/\s+/).sort(), SECRETS[service], service);
  }
  const modes = await compose.exec('db', 'bash', '-c', 'stat --format %a /run/secrets/*');
  assert.deepEqual(new Set(modes.trim().split(/\s+/)), new Set(['440']));

  const jwtSecret = "process.stdout.write(require('fs').readFileSync('/run/secrets/jwt-secret', 'utf8'))";
  const contents = [
    ...(await compose.exec('db', 'bash', '-c', 'for file in /run/secrets/*; do cat "$file"; echo; done'))
      .trim()
      .split('\n'),
    await compose.exec('gateway', 'node', '-e', jwtSecret),
  ];
  assert.equal(new Set(contents).size, 5);
  const { Image } = compose.container('gateway');
  const outside = [
    JSON.stringify(compose.containers()),
    docker('history', '--no-trunc', Image).stdout,
    ...compose.containers().map((container) => compose.logs(serviceOf(container))),
  ].join('\n');
  for (const secret of contents) {
    assert.ok(secret.length >= 32, 'a secret is too short');
    assert.ok(!outside.includes(secret), 'a secret is seen from outside');
  }
}

/** Checks that the image has everything that the service runs, and nothing else. */
export function checkImage(image: string): { megabytes: number } {
  const inside = (script: string) =>
    docker('run', '--rm', '--network', 'none', '--read-only', image, 'node', '--input-type=module', '-e', script);
  const listed = inside(`import { globSync } from 'node:fs';
    console.log(globSync(['/app/**', '/*', '/usr/local/**', '/bin/*', '/usr/bin/*']).join('\\n'))`);
  assert.equal(listed.code, 0, listed.stderr);
  const files = listed.stdout.trim().split('\n');
  assert.ok(files.includes('/app/src/server.ts') && files.includes('/usr/local/bin/node'));
  const ours = files.filter((file) => !file.startsWith('/app/node_modules/'));
  const unwanted = /\.test\.ts$|\/(tests|testing\.ts|npm|sh|bash|\.data|\.git|\.env)(\/|$)|secret$/;
  assert.deepEqual(
    ours.filter((file) => unwanted.test(file)),
    [],
  );

  const loaded = inside(`import { readFileSync } from 'node:fs';
    const { dependencies } = JSON.parse(readFileSync('/app/package.json', 'utf8'));
    for (const name of Object.keys(dependencies)) await import(name);
    await import('ruru/server');
    await import('ruru/static');`);
  assert.equal(loaded.code, 0, loaded.stderr);

  return { megabytes: Math.round(Number(docker('image', 'inspect', '--format', '{{.Size}}', image).stdout) / 1e6) };
}
