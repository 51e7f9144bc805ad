/**
 * The pages of the documentation: their links, the names in them, their distance from README, their length, and the site built from them.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { slug } from '../docs/.vitepress/slug.ts';
import { execute, ROOT } from './testing.ts';
import { pages, read } from './testing_docs.ts';
import { READERS } from './testing_readers.ts';

interface Link {
  page: string;
  /** Relative to the root of the project. */
  path: string;
  anchor: string;
}

const ALL = [...pages(), ...['bench/README.md', 'client/README.md'].filter((page) => existsSync(join(ROOT, page)))];
/** The page without code blocks and comments, which contain no links. */
const proseOf = (page: string): string =>
  read(page)
    .replaceAll(/^( *)```[^]*?^\1```$/gm, '')
    .replaceAll(/<!--[^]*?-->/g, '');

const linksOf = (page: string): Link[] =>
  [
    ...proseOf(page)
      .replaceAll(/`[^`\n]*`/g, (code) => (code.includes('](') ? '' : code))
      .matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g),
  ].map(([, target = '', anchor = '']) => ({
    page,
    path: target === '' ? page : normalize(join(dirname(page), target)),
    anchor,
  }));

/** The anchors of a page; a repeated heading gets a number. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  return [...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const name = slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times === 0 ? name : `${name}-${times}`;
  });
}

const inWords = ({ page, path, anchor }: Link): string => `${page}: ${path}${anchor === '' ? '' : `#${anchor}`}`;
const links = ALL.flatMap(linksOf);
const scriptsOf = (path: string) => (JSON.parse(read(path)) as { scripts: Record<string, string> }).scripts;
const scripts = scriptsOf('package.json');
const ofClient = scriptsOf('client/package.json');

describe('the links of README and docs', () => {
  it('are found', () => {
    expect(links.length).toBeGreaterThan(200);
    expect(links.filter(({ anchor }) => anchor !== '').length).toBeGreaterThan(30);
  });

  it('lead to files of the project, and not to folders', () => {
    expect(
      links
        .filter(({ path }) => path.startsWith('..') || !statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile())
        .map(inWords),
    ).toEqual([]);
  });

  it('lead to existing headings', () => {
    const lost = links.filter(
      ({ path, anchor }) =>
        anchor !== '' && path.endsWith('.md') && existsSync(join(ROOT, path)) && !anchorsOf(path).includes(anchor),
    );
    expect(lost.map(inWords)).toEqual([]);
  });

  it('lead from README to every page within two hops', () => {
    const from = (some: Iterable<string>): string[] =>
      [...some].flatMap((page) =>
        page.endsWith('.md') && existsSync(join(ROOT, page)) ? linksOf(page).map(({ path }) => path) : [],
      );
    const first = new Set(from(['README.md']));
    const second = new Set(from(first));

    expect(ALL.filter((page) => page !== 'README.md' && !first.has(page) && !second.has(page))).toEqual([]);
  });

  it('lead to every picture of the console that a page shows', () => {
    const shown = ALL.flatMap((page) =>
      [...read(page).matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path = '']) => join(dirname(page), path)),
    );

    expect(shown).toContain('docs/console/wallet-light.png');
    expect(shown.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

function hops(): Map<string, number> {
  const found = new Map([['README.md', 0]]);
  for (const [page, distance] of found)
    for (const { path } of page.endsWith('.md') && existsSync(join(ROOT, page)) ? linksOf(page) : [])
      if (!found.has(path)) found.set(path, distance + 1);
  return found;
}

/** The text below a heading, up to the next heading of its level. */
function sectionOf(page: string, heading: string): string {
  const lines = read(page).split('\n');
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  const depth = /^#+/.exec(lines[from] ?? '')?.[0].length ?? 0;
  if (from < 0) throw new Error(`${page} has no ${heading}`);
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => new RegExp(`^#{1,${depth}} `).test(line));
  return (to < 0 ? rest : rest.slice(0, to)).join('\n');
}

describe.each(Object.entries(READERS))('%s', (_reader, questions) => {
  const far = hops();

  it.each(questions)('%s is answered within two hops', (_question, page, heading, answer) => {
    expect(far.get(page)).toBeLessThanOrEqual(2);
    expect(sectionOf(page, heading)).toMatch(answer);
  });
});

describe('what README and docs name', () => {
  const text = ALL.map(read).join('\n');

  it('each npm script exists', () => {
    const named = [...text.matchAll(/npm (?:run (?:--silent )?([\w-]+)|(start|test)\b)/g)].map(
      ([, one, two]) => one ?? two ?? '',
    );

    expect(new Set(named).size).toBeGreaterThan(10);
    expect(named.filter((name) => !(name in scripts) && !(name in ofClient))).toEqual([]);
  });

  it('each file and each test exists', () => {
    // Only the first path of a line: further files in it are named without their folder.
    const paths = [...text.matchAll(/`((?:src|db|bench|ops|console|docs|examples)\/[\w./-]+\.\w+)`/g)].map(
      ([, path = '']) => path,
    );
    const tests = [...text.matchAll(/npm test -- ([\w./-]+)/g)].map(([, name = '']) => name);
    const testFiles = ['db', 'src', 'bench', 'client', 'console'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.test.ts'))
        .map((path) => join(folder, path)),
    );

    expect(paths.length).toBeGreaterThan(30);
    expect(tests.length).toBeGreaterThan(3);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)) && !/<|db\/migrations\/current/.test(path))).toEqual(
      [],
    );
    expect(tests.filter((name) => !testFiles.some((path) => path.includes(name)))).toEqual([]);
  });

  it('each error code is in the table for callers, under both names', () => {
    const codes = [...read('src/errors.ts').matchAll(/^ +(WL[A-Z]{3}): \{ code: '([A-Z_]+)' \}/gm)];
    const page = read('docs/integrate.md');

    expect(codes.length).toBeGreaterThan(14);
    expect(
      codes
        .filter(([, code, name]) => !page.includes(`\`${code}\``) || !page.includes(`\`${name}\``))
        .map(([, code]) => code),
    ).toEqual([]);
  });

  it('each variable is read by the service, and all of them are documented', () => {
    const table = read('docs/operate/configuration.md');
    const named = [...table.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/[A-Z_]+/g)].map(([name]) => name),
    );
    const config = read('src/config.ts');
    const readThere = [...config.matchAll(/'([A-Z][A-Z_]{3,})'|\benv\.([A-Z][A-Z_]{3,})\b/g)].map(
      ([, one, two]) => one ?? two ?? '',
    );

    expect(named.length).toBeGreaterThan(25);
    // A suffix of variable names.
    const whole = [...new Set(readThere)].filter((name) => name !== 'PASSWORD');
    expect(whole.filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the words', () => {
  it('are those of the field', () => {
    const dialect = /\b(lend|lent|lends|landed|heeds?|heeded|told)\b|(?<!in[ -])\bflights?\b/i;
    const found = ALL.filter((page) => !/^(bench|docs\/console)/.test(page)).flatMap((page) =>
      proseOf(page)
        .split('\n')
        .filter((line) => dialect.test(line))
        .map((line) => `${page}: ${line.slice(0, 100)}`),
    );
    expect(found).toEqual([]);
  });
});

describe('README and ARCHITECTURE', () => {
  it('README has at most 150 lines, and tells how to start and to test', () => {
    const readme = read('README.md');
    expect(readme.split('\n').length - 1).toBeLessThanOrEqual(150);
    expect(readme).toMatch(/^npm ci && npm start$/m);
    expect(readme).toMatch(/^npm ci && npm test$/m);
    expect(readme).toContain('docker compose up --build');
  });

  it('ARCHITECTURE has at most 120 lines, and its diagram has exactly the folders of src/', () => {
    const text = read('ARCHITECTURE.md');
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(120);

    const [, picture = ''] = /## The modules[^]*?```mermaid\n([^]*?)```/.exec(text) ?? [];
    // Of each box: its title, and below it the folders.
    const drawn = [...picture.matchAll(/^ {2}\w+\["[^<"]*<br\/>(.*)"\]$/gm)].flatMap(([, names = '']) =>
      names.split(/, ?<br\/>|, /),
    );
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());

    expect(drawn.sort()).toEqual(folders.map(({ name }) => name).sort());
  });

  it('the source map names each folder of src/', () => {
    const map = read('docs/source_map.md');
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());

    expect(folders.filter(({ name }) => !new RegExp(`\`(src/)?${name}/\``).test(map)).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('each decision has a context, a decision and a consequence, and is in the list', () => {
    const files = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => name !== 'index.md');
    const list = read('docs/decisions/index.md');

    expect(files.length).toBeGreaterThan(40);
    for (const [index, name] of files.sort().entries()) {
      expect(name.slice(0, 5)).toBe(`${String(index + 1).padStart(4, '0')}-`);
      expect(read(`docs/decisions/${name}`)).toMatch(
        /^# \d+\. .+\n\n\*\*Context\.\*\* [^]+\n\n\*\*Decision\.\*\* [^]+\n\n\*\*Consequence\.\*\* [^]+\n$/,
      );
      expect(list).toContain(`](${name})`);
    }
  });
});

describe('the site', () => {
  const dist = join(ROOT, 'docs/.vitepress/dist');

  it('is built from all pages, with a search, and a dead link fails the build', async () => {
    await rm(dist, { recursive: true, force: true });
    const { code, stdout, stderr } = await execute('npm', ['run', '--silent', 'docs']);

    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
    const built = readdirSync(dist, { recursive: true, encoding: 'utf8' });
    const expected = ALL.map((page) => (page === 'README.md' ? 'index.html' : page.replace(/\.md$/, '.html')));
    expect(expected.filter((page) => !built.includes(page))).toEqual([]);
    expect(built.filter((path) => path.endsWith('.html') && path !== '404.html' && !expected.includes(path))).toEqual(
      [],
    );
    expect(built).toContain('schema.graphql');
    expect(built.some((path) => path.includes('localSearchIndex'))).toBe(true);

    const site = new Map(
      built.filter((path) => path.endsWith('.html')).map((path) => [path, readFileSync(join(dist, path), 'utf8')]),
    );
    const lost = [...site].flatMap(([path, html]) =>
      [...html.matchAll(/<(?:a|img|link|script)\b[^>]*?(?:href|src)="(?!https?:|data:)([^"#]*)(?:#([^"]*))?"/g)]
        .filter(([, target = '', anchor = '']) => {
          const file = target === '' ? path : target.startsWith('/') ? target.slice(1) : join(dirname(path), target);
          const page = file === '' || file.endsWith('/') ? `${file}index.html` : file;
          return !existsSync(join(dist, page)) || (anchor !== '' && !site.get(page)?.includes(`id="${anchor}"`));
        })
        .map(([link]) => `${path}: ${link}`),
    );
    const drawn = site.get('ARCHITECTURE.html') ?? '';
    expect(drawn.match(/<figure class="picture"/g)).toHaveLength(2);
    expect(drawn).toMatch(/<text\b[^>]*>.*check, lock, replay, rules, book.*<\/text>/);
    // What is in a picture is found, and how it is drawn is not; nothing of it comes from elsewhere.
    const index = built.find((path) => path.includes('localSearchIndex')) ?? '';
    expect(readFileSync(join(dist, index), 'utf8')).toContain('replay');
    expect([...site].filter(([, html]) => /language-mermaid|fonts\.googleapis|flowchart TD/.test(html))).toEqual([]);
    const front = site.get('index.html') ?? '';
    const beside = expected.filter(
      (page) => /^docs\/(operate\/)?[\w-]+\.html$/.test(page) && page !== 'docs/index.html',
    );
    expect(beside.filter((page) => !front.includes(`href="/${page.replace(/index\.html$/, '')}"`))).toEqual([]);
    expect(site.size).toBeGreaterThan(60);
    expect(lost).toEqual([]);
  });
});
