/** `npm run docs`: README, docs and examples as static pages with a search, in docs/.vitepress/dist. A dead link ends the build. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { picture } from './picture.ts';
import { slug } from './slug.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const ICON = readFileSync(join(ROOT, 'console/src/icon.svg')).toString('base64');

interface Link {
  attrGet: (name: string) => string | null;
  attrSet: (name: string, value: string) => void;
}

/** The first page of the site has its own address; a file that is no page is not routed, but loaded. */
function adjust(link: Link): void {
  const target = link.attrGet('href') ?? '';
  if (/^(\.\.\/)+README\.md/.test(target)) link.attrSet('href', target.replace(/^(\.\.\/)+README\.md/, '/'));
  else if (!/^(https?:|#)|\.md(#|$)/.test(target)) link.attrSet('target', '_self');
}

interface Entry {
  text: string;
  link: string;
}

/** A list of pages of a folder, and after it those that the list does not have, by their headings. */
function allOf(folder: string, listed: Entry[], elsewhere: string[] = []): Entry[] {
  const known = [...listed.map(({ link }) => link.split('/').at(-1)), ...elsewhere, '', 'index'];
  const names = readdirSync(join(ROOT, folder)).flatMap((file) => /^([\w-]+)\.md$/.exec(file)?.[1] ?? []);
  const more = names
    .filter((name) => !known.includes(name))
    .map((name) => ({
      text: /^# (.+)$/m.exec(readFileSync(join(ROOT, folder, `${name}.md`), 'utf8'))?.[1] ?? name,
      link: `/${folder}/${name}`,
    }));
  return [...listed, ...more];
}

const operate = (text: string, page: string) => ({ text, link: `/docs/operate/${page}` });

export default defineConfig({
  title: 'Wallet service',
  description: 'A double-entry ledger for virtual credits in PostgreSQL, with a GraphQL gateway and a console',
  // In the page: a file of its own would be one more to keep.
  head: [['link', { rel: 'icon', href: `data:image/svg+xml;base64,${ICON}` }]],
  srcDir: '..',
  srcExclude: [
    ...['node_modules', '.data', 'console', 'db', 'ops', 'src', 'coverage', 'bench/peers', 'client/*'].map(
      (one) => `${one}/**`,
    ),
    '.*/**',
  ],
  outDir: fileURLToPath(new URL('dist', import.meta.url)),
  cacheDir: fileURLToPath(new URL('cache', import.meta.url)),
  rewrites: { 'README.md': 'index.md' },
  markdown: {
    anchor: { slugify: slug },
    languageAlias: { psql: 'sql' },
    config: (md) => {
      // Words after the language say how the tests run a block: CONTRIBUTING.md.
      md.core.ruler.push('links', ({ tokens }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? []))
          if (token.type === 'link_open') adjust(token);
      });
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (tokens, index, ...rest) => {
        const token = tokens[index];
        if (token) token.info = token.info.split(' ')[0] ?? '';
        if (token?.info === 'mermaid') return picture(token.content);
        return fence?.(tokens, index, ...rest) ?? '';
      };
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Integrate', link: '/docs/integrate' },
      { text: 'Operate', link: '/docs/operate/' },
      { text: 'Audit', link: '/docs/audit' },
      { text: 'All pages', link: '/docs/' },
    ],
    sidebar: [
      { text: 'Start', link: '/' },
      {
        text: 'Integrate',
        items: allOf(
          'docs',
          [
            { text: 'Integrate', link: '/docs/integrate' },
            { text: 'Movements', link: '/docs/movements' },
            { text: 'Examples', link: '/examples/README' },
          ],
          ['console', 'support', 'finance', 'audit', 'proof', 'source_map', 'database_changes'],
        ),
      },
      {
        text: 'Work with it',
        items: [
          { text: 'Console', link: '/docs/console' },
          { text: 'Support', link: '/docs/support' },
          { text: 'Finance', link: '/docs/finance' },
          { text: 'Audit', link: '/docs/audit' },
          { text: 'How promises are tested', link: '/docs/proof' },
        ],
      },
      {
        text: 'Operate',
        items: allOf('docs/operate', [
          operate('Overview', ''),
          operate('Configuration', 'configuration'),
          operate('Tokens', 'tokens'),
          operate('Roles and logins', 'roles'),
          operate('Commands', 'commands'),
          operate('Containers', 'containers'),
          operate('Managed PostgreSQL', 'managed-postgresql'),
          operate('Poolers', 'poolers'),
          operate('Probes and restarts', 'probes'),
          operate('Several processes', 'processes'),
          operate('Limits', 'limits'),
          operate('Observability', 'observability'),
          operate('Backup', 'backup'),
          operate('Standby', 'standby'),
          operate('Upgrade', 'upgrade'),
          operate('Moving', 'moving'),
          operate('Import', 'import'),
          operate('Subscriptions', 'subscriptions'),
        ]),
      },
      {
        text: 'Develop',
        items: [
          { text: 'Contributing', link: '/CONTRIBUTING' },
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Where what is', link: '/docs/source_map' },
          { text: 'Changing the database', link: '/docs/database_changes' },
          { text: 'Decisions', link: '/docs/decisions/' },
          { text: 'Changes', link: '/CHANGELOG' },
        ],
      },
    ],
  },
  /** Files that pages link to and that are no pages, such as the schema and the examples. */
  buildEnd({ pages, outDir }) {
    for (const page of pages)
      for (const [, target = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
        const path = join(dirname(page), target);
        if (path.endsWith('.md')) continue;
        mkdirSync(join(outDir, dirname(path)), { recursive: true });
        copyFileSync(join(ROOT, path), join(outDir, path));
      }
  },
});
