/** The Helm chart in ops/helm: renders it, and compares it with the compose file, the settings and the probes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { readCommandConfig } from './config.ts';
import { ROOT } from './testing.ts';

const CHART = join(ROOT, 'ops/helm');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type Scope = Record<string, unknown>;

/**
 * Renders the part of Go's template language that the chart uses: paths, `quote`, `default`, `toYaml`, `nindent`, `not`, `if` and `range`.
 */
function render(text: string, scope: Scope): string {
  const parts = text.split(/(\{\{-?.*?-?\}\})/);
  parts.forEach((part, index) => {
    if (part.startsWith('{{-')) parts[index - 1] = parts[index - 1]?.trimEnd() ?? '';
    if (part.startsWith('{{') && part.endsWith('-}}')) parts[index + 1] = parts[index + 1]?.trimStart() ?? '';
  });
  const rest = parts.map((part) => ({ text: part, action: /^\{\{-? *(.*?) *-?\}\}$/.exec(part)?.[1] }));
  const written = block(rest, scope, true);
  if (rest.length > 0) throw new Error('There is an end too many');
  return written;
}

/** Renders up to the block's end, and removes these parts from `rest`. */
function block(rest: { text: string; action: string | undefined }[], scope: Scope, isShown: boolean): string {
  let written = '';
  for (let part = rest.shift(); part; part = rest.shift()) {
    const { text, action } = part;
    if (action === undefined) written += text;
    else if (action === 'end') break;
    else if (action.startsWith('if '))
      written += block(rest, scope, isShown && isTrue(valueOf(action.slice(3), scope)));
    else if (action.startsWith('range ')) {
      const [, key = '', value = '', list = ''] = /^range (\$\w+), (\$\w+) := (\S+)$/.exec(action) ?? [];
      const inner = [...rest];
      const items = Object.entries((valueOf(list, scope) ?? {}) as Scope);
      for (const [name, item] of items) written += block([...inner], { ...scope, [key]: name, [value]: item }, isShown);
      block(rest, scope, false);
    } else if (isShown) written += String(valueOf(action, scope));
  }
  return isShown ? written : '';
}

function valueOf(expression: string, scope: Scope): unknown {
  const [first = '', ...filters] = expression.split(' | ');
  return filters.reduce((value, filter) => apply(filter.split(' '), value, scope), term(first.split(' '), scope));
}

function term([word = '', ...more]: string[], scope: Scope): unknown {
  if (more.length > 0) return apply([word], term(more, scope), scope);
  const names = word.split('.').filter((name) => name !== '');
  const value = names.reduce<unknown>((outer, name) => (outer as Scope | undefined)?.[name], scope);
  if (value === undefined && !OPTIONAL.test(word)) throw new Error(`There is no ${word}`);
  return value;
}

/** A setting may be absent. */
const OPTIONAL = /^\.Values\.settings\.\w+$/;

function apply([name = '', argument = '']: string[], value: unknown, scope: Scope): unknown {
  if (name === 'quote') return JSON.stringify(String(value));
  if (name === 'not') return !isTrue(value);
  if (name === 'default') return isTrue(value) ? value : term([argument], scope);
  if (name === 'toYaml') return stringify(value).trimEnd();
  if (name === 'nindent') return `\n${String(value).replaceAll(/^/gm, ' '.repeat(Number(argument)))}`;
  throw new Error(`The templates use ${name}, which this test does not know`);
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}

interface Env {
  name: string;
  value: string;
}
interface Container {
  image: string;
  command?: string[];
  ports?: { name: string; containerPort: number }[];
  env: Env[];
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
  securityContext: object;
  resources: { limits: { memory: string } };
  [probe: `${string}Probe`]: { httpGet: { path: string; port: string } } & Record<string, number>;
}
interface Pods {
  metadata: { labels: Record<string, string> };
  spec: {
    terminationGracePeriodSeconds?: number;
    securityContext: object;
    containers: [Container];
    volumes: { name: string; secret?: { secretName: string; defaultMode: number }; configMap?: object }[];
  };
}
interface Resource {
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    template: Pods;
    selector: Record<string, string> & { matchLabels: Record<string, string> };
    ports: { port: number; targetPort: string }[];
    jobLabel?: string;
    endpoints?: { port: string; path: string }[];
    ingress?: { from: unknown[]; ports: { port: number }[] }[];
    egress?: { ports: { port: number }[] }[];
  };
}

interface Schema {
  additionalProperties?: boolean;
  properties?: Record<string, Schema>;
}

interface Values {
  image: { repository: string };
  settings: Record<string, string>;
  secrets: { gateway: string; migrate: string };
}

const chart = parse(read('ops/helm/Chart.yaml')) as { name: string; appVersion: string; version: string };
const values = parse(read('ops/helm/values.yaml')) as Values;

/** The rendered resources by kind. */
function rendered(changed: object = {}): Map<string, Resource> {
  const scope = {
    Release: { Name: 'wallet' },
    Chart: { AppVersion: chart.appVersion },
    Values: { ...values, ...changed },
  };
  const resources = readdirSync(join(CHART, 'templates'))
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parseAllDocuments(render(read(`ops/helm/templates/${file}`), scope)))
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0] ?? new Error();
      return document.toJS() as Resource | null;
    })
    .filter((resource) => resource !== null);
  return new Map(resources.map((resource) => [resource.kind, resource]));
}

function kind(name: string, changed?: object): Resource {
  const found = rendered(changed).get(name);
  if (!found) throw new Error(`There is no ${name}`);
  return found;
}

const container = (name: string, changed?: object): Container => kind(name, changed).spec.template.spec.containers[0];
const envOf = ({ env }: Container): Record<string, string> =>
  Object.fromEntries(env.map((one) => [one.name, one.value]));

interface Service {
  image: string;
  command?: string[];
  environment: Record<string, string>;
  volumes: string[];
  mem_limit: string;
  read_only: boolean;
  cap_drop: string[];
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<'gateway' | 'migrate', Service>;
};

/** All variables that the service reads, whatever their values are. */
function settings(): Set<string> {
  const names = new Set<string>();
  readCommandConfig(
    new Proxy<Record<string, string>>(
      {},
      {
        get: (_target, name) => {
          names.add(String(name));
          return undefined;
        },
      },
    ),
  );
  return names;
}

describe('the Helm chart', () => {
  it('has the release of package.json', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };

    expect([chart.name, chart.version, chart.appVersion]).toEqual(['wallet-service', version, version]);
  });

  it('has a deployment, a service, a migration job and a disruption budget; the rest is optional', () => {
    const usual = ['Deployment', 'Job', 'PodDisruptionBudget', 'Service'];

    expect([...rendered().keys()].sort()).toEqual(usual);
    const all = rendered({
      networkPolicy: { enabled: true, from: [], ports: [5432] },
      serviceMonitor: { enabled: true, interval: '15s' },
    });
    expect([...all.keys()].sort()).toEqual([...usual, 'NetworkPolicy', 'ServiceMonitor'].sort());
    expect(kind('Job').metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
  });

  it('runs the image and the commands of the compose file', () => {
    for (const [ours, theirs] of [
      ['Deployment', 'gateway'],
      ['Job', 'migrate'],
    ] as const) {
      const { image, command } = container(ours);
      expect([image, command]).toEqual([
        `${compose.services[theirs].image}:${chart.appVersion}`,
        compose.services[theirs].command,
      ]);
    }
  });

  it('gives the containers the variables of the compose file, with the same files of secrets', () => {
    const theirs = compose.services.gateway.environment;
    const ours = envOf(
      container('Deployment', { database: { ...databaseValues(), readUrl: 'postgresql://standby/wallet' } }),
    );
    const optional = Object.entries(theirs)
      .filter(([, value]) => /^\$\{\w+:-\}$/.test(value))
      .map(([name]) => name);

    const schema = Object.keys(settingsSchema());
    const missing = Object.keys(theirs).filter((name) => !(name in ours) && !schema.includes(name));
    expect(missing).toEqual([]);
    expect(optional.filter((name) => !(name in ours) && !schema.includes(name))).toEqual([]);
    const files = (env: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(env)
          .filter(([name]) => name.endsWith('_FILE'))
          .map(([name, value]) => [name, value.replace(/^\$\{\w+-(.*)\}$/, '$1')]),
      );
    expect(files(ours)).toEqual(files(theirs));
    expect(envOf(container('Job'))).toEqual({ ...compose.services.migrate.environment, NODE_ENV: 'production' });
  });

  it('sets only variables that the service reads, and lets all of them be set', () => {
    const known = settings();
    const own = Object.keys(
      envOf(
        container('Deployment', { database: { ...databaseValues(), readUrl: 'x' }, persistedDocuments: 'documents' }),
      ),
    );
    const secret = ['DATABASE_URL', 'WORKER_DATABASE_URL', 'READ_DATABASE_URL', 'JWT_SECRET'];
    const passwords = secret.map((name) => name.replace(/URL$/, 'PASSWORD'));
    const notSet = [...secret, ...passwords].flatMap((name) => [name, `${name}_FILE`]);

    expect(own.filter((name) => !known.has(name))).toEqual([]);
    const settable = [...known].filter(
      (name) => !notSet.includes(name) && !['HOST', 'PORT', 'NODE_ENV'].includes(name),
    );
    expect(Object.keys(settingsSchema()).sort()).toEqual(
      settable.filter((name) => !['NODES', 'PERSISTED_DOCUMENTS'].includes(name)).sort(),
    );
    expect(Object.keys(values.settings).filter((name) => !known.has(name))).toEqual([]);
  });

  it('names each value in the schema of values, and lets no other be given', () => {
    const schema = JSON.parse(read('ops/helm/values.schema.json')) as Schema;
    const own = Object.entries(parse(read('ops/helm/values.yaml')) as object);

    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties ?? {}).sort()).toEqual([...own.map(([name]) => name), 'global'].sort());
    for (const [name, value] of own) {
      const { additionalProperties, properties } = schema.properties?.[name] ?? {};
      if (!properties || name === 'settings') continue;
      expect([name, additionalProperties, Object.keys(properties).sort()]).toEqual([
        name,
        false,
        Object.keys(value as object).sort(),
      ]);
    }
  });

  it('has no token secret where an issuer has keys', () => {
    const env = envOf(container('Deployment', { settings: { JWKS_URI: 'https://issuer.example/keys' } }));

    expect(env).toMatchObject({ JWKS_URI: 'https://issuer.example/keys' });
    expect(env).not.toHaveProperty('JWT_SECRET_FILE');
  });

  it('mounts each secret into the same containers as the compose file, readable by that container alone', () => {
    for (const [ours, theirs, name] of [
      ['Deployment', 'gateway', values.secrets.gateway],
      ['Job', 'migrate', values.secrets.migrate],
    ] as const) {
      const { volumes } = kind(ours).spec.template.spec;
      expect(volumes.filter(({ secret }) => secret)).toEqual([
        { name: 'secrets', secret: { secretName: name, defaultMode: 0o440 } },
      ]);
      const mount = container(ours).volumeMounts.find((one) => one.name === 'secrets');
      expect(mount).toMatchObject({ readOnly: true });
      expect(compose.services[theirs].volumes.map((volume) => volume.split(':')[1])).toContain(mount?.mountPath);
    }
    // The list in ops/secrets.ts.
    const made = [...read('ops/secrets.ts').matchAll(/^ {2}'([a-z-]+)': \[(.*)\]/gm)].map(
      ([, name = '', readers = '']) => ({
        name,
        readers,
      }),
    );
    const keysFor = (reader: string) =>
      made.filter(({ readers }) => readers.includes(`'${reader}'`)).map(({ name }) => name);
    const described = (about: string) =>
      new RegExp(`# Keys?: (.*)\\.[^]*?\\n  ${about}:`)
        .exec(read('ops/helm/values.yaml'))?.[1]
        ?.match(/[a-z]+-[a-z]+/g);
    expect(keysFor('migrate')).toEqual(['admin-password']);
    expect(keysFor('gateway').sort()).toEqual([...new Set(used('Deployment'))].sort());
    expect(keysFor('migrate')).toEqual(used('Job'));
    expect(described('gateway')?.sort()).toEqual(keysFor('gateway').sort());
  });

  it('probes the port and the paths of the service', () => {
    const { ports, startupProbe, livenessProbe, readinessProbe } = container('Deployment');
    const app = read('src/app.ts');
    const { port } = readCommandConfig({});

    expect(ports).toEqual([{ name: 'http', containerPort: port }]);
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect(probe?.httpGet.port).toBe('http');
      expect(app).toContain(`app.get('${probe?.httpGet.path ?? ''}'`);
    }
    expect([livenessProbe?.httpGet.path, readinessProbe?.httpGet.path]).toEqual(['/healthz', '/readyz']);
    expect(kind('Service').spec.ports).toEqual([{ name: 'http', port, targetPort: 'http' }]);
    const [endpoint] =
      kind('ServiceMonitor', { serviceMonitor: { enabled: true, interval: '15s' } }).spec.endpoints ?? [];
    expect(endpoint).toMatchObject({ port: 'http', path: '/metrics' });
    const policy = kind('NetworkPolicy', {
      networkPolicy: { enabled: true, from: [{ podSelector: {} }], ports: [5432, 443] },
    });
    expect(policy.spec.ingress).toEqual([{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port }] }]);
    expect(policy.spec.egress?.flatMap((rule) => rule.ports.map((one) => one.port))).toEqual([53, 53, 5432, 443]);
  });

  it('gives a process time to drain, and notices before that it drains', () => {
    const { terminationGracePeriodSeconds = 0 } = kind('Deployment').spec.template.spec;
    const graceMs = Number(values.settings.DRAIN_GRACE_MS);
    const { readinessProbe } = container('Deployment');

    expect(terminationGracePeriodSeconds).toBeGreaterThan(graceMs / 1000 + 23);
    expect(readinessProbe).toMatchObject({ periodSeconds: 1, failureThreshold: 1 });
    expect(graceMs).toBeGreaterThanOrEqual(3000);
  });

  it('gives a container no more rights than the compose file', () => {
    const { read_only, cap_drop, mem_limit } = compose.services.gateway;
    for (const name of ['Deployment', 'Job']) {
      expect(container(name).securityContext).toEqual({
        readOnlyRootFilesystem: read_only,
        allowPrivilegeEscalation: false,
        capabilities: { drop: cap_drop },
      });
      expect(kind(name).spec.template.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 1000,
        fsGroup: 10001,
      });
    }
    expect(container('Deployment').resources.limits.memory).toBe(`${/:-(\d+)m\}$/.exec(mem_limit)?.[1] ?? ''}Mi`);
  });

  it('selects the pods of the deployment only, under the name that the alerts use', () => {
    const { labels } = kind('Deployment').spec.template.metadata;
    const job = kind('Job').spec.template.metadata.labels;
    for (const selector of [
      kind('Deployment').spec.selector.matchLabels,
      kind('PodDisruptionBudget').spec.selector.matchLabels,
      kind('Service').spec.selector,
    ]) {
      expect(labels).toMatchObject(selector);
      expect(job).not.toMatchObject(selector);
    }
    const monitor = kind('ServiceMonitor', { serviceMonitor: { enabled: true, interval: '15s' } });
    const service = kind('Service').metadata.labels;
    expect(service).toMatchObject(monitor.spec.selector.matchLabels);
    expect(read('ops/prometheus/alerts.yml')).toContain(`job="${service[monitor.spec.jobLabel ?? ''] ?? ''}"`);
  });

  it('gives a file of nodes instead of URLs where there is one, and migrates nothing then', () => {
    const changed = { nodes: 'wallet-nodes' };
    const { env, volumeMounts } = container('Deployment', changed);
    const names = env.map(({ name }) => name);

    expect(envOf({ env } as Container).NODES).toBe('/nodes/nodes.json');
    expect(names.filter((name) => name.includes('DATABASE'))).toEqual([]);
    expect(volumeMounts.find(({ name }) => name === 'nodes')).toEqual({
      name: 'nodes',
      mountPath: '/nodes',
      readOnly: true,
    });
    expect(kind('Deployment', changed).spec.template.spec.volumes.at(-1)).toEqual({
      name: 'nodes',
      secret: { secretName: 'wallet-nodes', defaultMode: 0o440 },
    });
    expect([...rendered(changed).keys()]).not.toContain('Job');
    expect(() =>
      readCommandConfig({
        ...envOf({ env } as Container),
        DATABASE_URL: 'postgresql://db/wallet',
        JWT_SECRET_FILE: '',
      }),
    ).toThrow(/Set NODES or DATABASE_URL, not both/);
  });

  it('mounts persisted documents where a setting names them', () => {
    const changed = { persistedDocuments: 'documents' };
    const { env, volumeMounts } = container('Deployment', changed);

    const path = envOf({ env } as Container).PERSISTED_DOCUMENTS;
    expect(volumeMounts.find(({ name }) => name === 'documents')).toEqual({
      name: 'documents',
      mountPath: path,
      readOnly: true,
    });
    expect(kind('Deployment', changed).spec.template.spec.volumes.at(-1)).toEqual({
      name: 'documents',
      configMap: { name: 'documents' },
    });
  });
});

function databaseValues(): object {
  return (parse(read('ops/helm/values.yaml')) as { database: object }).database;
}

function settingsSchema(): object {
  const schema = JSON.parse(read('ops/helm/values.schema.json')) as {
    properties: { settings: { properties: object; additionalProperties: boolean } };
  };
  expect(schema.properties.settings.additionalProperties).toBe(false);
  return schema.properties.settings.properties;
}

/** The secret files that a container's variables name. */
function used(name: string): string[] {
  return Object.values(envOf(container(name)))
    .filter((value) => value.startsWith('/run/secrets/'))
    .map((value) => value.slice('/run/secrets/'.length));
}

/** Helm itself is on few machines: where it is, this file's own rendering is compared with it. */
const hasHelm = spawnSync('helm', ['version'], { stdio: 'ignore' }).status === 0;
const describeHelm = hasHelm ? describe : describe.skip;

describeHelm(hasHelm ? 'helm' : 'helm: skipped, there is no helm', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wallet-chart-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const helm = (...args: string[]) =>
    execFileSync('helm', args, {
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 60_000,
      env: { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder },
    });
  const full = {
    image: { repository: 'registry.example/wallet', tag: '9.9.9', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'pull' }],
    replicas: 3,
    database: { ...databaseValues(), readUrl: 'postgresql://standby/wallet?application_name=a%20b' },
    persistedDocuments: 'documents',
    settings: { ...Object.fromEntries(Object.keys(settingsSchema()).map((name) => [name, `'"{}: ${name}`])) },
    networkPolicy: { enabled: true, from: [{ podSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8' } }], ports: [5432] },
    serviceMonitor: { enabled: true, interval: '30s' },
  };

  it.each([
    ['the values of the chart', {}],
    ['all that may be set', full],
    ['several databases', { ...full, nodes: 'wallet-nodes' }],
  ])('finds nothing wrong with the chart, and makes of %s what this test does', (_what, changed) => {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, stringify(changed));

    expect(helm('lint', '--strict', CHART, '--values', file)).toContain('1 chart(s) linted, 0 chart(s) failed');
    const resources = parseAllDocuments(helm('template', 'wallet', CHART, '--values', file))
      .map((document) => document.toJS() as Resource | null)
      .filter((resource) => resource !== null);
    expect(Object.fromEntries(resources.map((one) => [one.kind, one]))).toEqual(Object.fromEntries(rendered(changed)));
  });

  it.each([
    ['settings.NONSENSE=x', /additional properties 'NONSENSE' not allowed/],
    ['replicas=0', /minimum: got 0, want 1/],
    ['replica=3', /additional properties 'replica' not allowed/],
    ['service.port=0', /minimum: got 0, want 1/],
    ['database.uri=x', /additional properties 'uri' not allowed/],
  ])('refuses %s where it would not be heeded', (value, message) => {
    const { status, stderr } = spawnSync('helm', ['template', 'wallet', CHART, '--set', value], { encoding: 'utf8' });

    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });
});
