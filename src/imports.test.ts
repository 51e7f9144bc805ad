/** The dependencies between the folders of src/: each import leads down in a list of layers. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { ROOT } from './testing.ts';

/** A file directly in src/ is its own module. Modules of one row do not import each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['server.ts'],
  ['workers'],
  ['service.ts'],
  ['import'],
  ['commands'],
  ['dev'],
  ['app.ts'],
  [
    'console',
    'cors',
    'direct_reads',
    'document_limits',
    'downloads',
    'flows',
    'lists',
    'nodes',
    'persisted',
    'rate_limits',
    'standby',
    'subscriptions',
    'tracing',
    'webhooks',
  ],
  ['graphql', 'http', 'migrate'],
  ['graphql/plugins', 'jobs', 'auth.ts'],
  ['errors.ts'],
  ['database'],
  ['observability', 'command.ts'],
  ['exit.ts'],
  ['config.ts'],
  ['roles.ts', 'values.ts', 'within.ts'],
];

/** Each can be removed by deleting it and the imports of its index.ts. */
const OPTIONAL = [
  'console',
  'cors',
  'direct_reads',
  'document_limits',
  'downloads',
  'flows',
  'import',
  'lists',
  'nodes',
  'persisted',
  'rate_limits',
  'standby',
  'subscriptions',
  'tracing',
  'webhooks',
  'workers',
];

interface Import {
  file: string;
  target: string;
  from: string;
  to: string;
}

const folderOf = (path: string): string => (dirname(path) === '.' ? path : dirname(path));
const layerOf = (folder: string): number => LAYERS.findIndex((row) => row.includes(folder));

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/(\.test\.ts|\btesting\w*\.ts)$/.test(path))
  .sort();

const imports: Import[] = files.flatMap((file) =>
  ts
    .preProcessFile(readFileSync(join(ROOT, 'src', file), 'utf8'), true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => {
      const target = normalize(join(dirname(file), fileName));
      return { file, target, from: folderOf(file), to: folderOf(target) };
    }),
);

const inWords = ({ file, target }: Import): string => `${file} -> ${target}`;

describe('the imports of src/', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.map(inWords)).toContain('service.ts -> tracing/index.ts');
  });

  it('are of modules in the list, and the list has no others', () => {
    expect([...new Set(files.map(folderOf))].sort()).toEqual(LAYERS.flat().sort());
  });

  it('lead down from layer to layer', () => {
    const wrong = imports.filter(({ from, to }) => from !== to && layerOf(from) >= layerOf(to));
    expect(wrong.map(inWords)).toEqual([]);
  });

  it('of optional modules are of their index.ts, from few places', () => {
    const outside = imports.filter(({ from, to }) => OPTIONAL.includes(to) && from !== to);
    expect(outside.filter(({ target }) => !target.endsWith('/index.ts')).map(inWords)).toEqual([]);
    expect([...new Set(outside.map(({ file }) => file))].sort()).toEqual([
      'app.ts',
      'dev/schema.ts',
      'server.ts',
      'service.ts',
    ]);
  });

  it('of rarely needed modules are dynamic, in one place', () => {
    const read = (file: string): string => readFileSync(join(ROOT, 'src', file), 'utf8');
    for (const [file, folder] of [
      ['server.ts', 'workers'],
      ['service.ts', 'tracing'],
      ['service.ts', 'nodes'],
    ] as const) {
      const from = imports.filter(({ to }) => to === folder).filter((found) => found.from !== folder);
      expect(from.map(inWords)).toEqual([`${file} -> ${folder}/index.ts`]);
      expect(read(file)).toContain(`await import('./${folder}/index.ts')`);
      expect(read(file)).not.toMatch(new RegExp(`^import .*'./${folder}/`, 'm'));
    }
  });

  it('of src/nodes are one line, without which the rest still has a type', () => {
    const line = /^.*'\.\/nodes\/index\.ts'.*\n/gm;
    const lines = files.flatMap((file) => readFileSync(join(ROOT, 'src', file), 'utf8').match(line) ?? []);
    expect(lines).toHaveLength(1);
    const service = join(ROOT, 'src/service.ts');
    const text = readFileSync(service, 'utf8').replace(line, '');
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    const host = ts.createCompilerHost(options);
    const read = host.getSourceFile.bind(host);
    host.getSourceFile = (name, ...more) =>
      name === service ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2024) : read(name, ...more);
    const program = ts.createProgram([service], options, host);
    const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(service));
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))).toEqual([]);
    expect(program.getSourceFiles().filter(({ fileName }) => fileName.includes('/src/nodes/'))).toEqual([]);
  });
});

describe('the SQL of src/', () => {
  /** Migrating may use private objects: it begins an epoch and checks owners. */
  const MIGRATING = 'migrate/';

  it.each(files.filter((file) => !file.startsWith(MIGRATING)))(
    'in %s names nothing that is private to the ledger',
    (file) => {
      expect(readFileSync(join(ROOT, 'src', file), 'utf8')).not.toMatch(/ledger_private/);
    },
  );
});
