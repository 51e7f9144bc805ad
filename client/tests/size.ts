/** `node client/tests/size.ts <file>`: how many bytes a module has with what it imports, and what it loads later; built small and compressed. */
import { gzipSync } from 'node:zlib';
import { build, minifySync } from 'vite';

const [entry = ''] = process.argv.slice(2);
const result = await build({
  configFile: false,
  logLevel: 'error',
  build: {
    write: false,
    target: 'es2022',
    lib: { entry, formats: ['es'] },
    // What is loaded later may use what is there, as in a page.
    rolldownOptions: { external: ['graphql-ws'], preserveEntrySignatures: 'allow-extension' },
  },
});
const parts = [result].flat().flatMap((built) => ('output' in built ? built.output : []));
const chunks = parts.filter((part) => part.type === 'chunk');
const later = new Set(chunks.flatMap(({ dynamicImports }) => dynamicImports));
const sizeOf = (isLater: boolean): number =>
  chunks
    .filter(({ fileName }) => later.has(fileName) === isLater)
    .map(({ fileName, code }) => gzipSync(minifySync(fileName, code).code, { level: 9 }).length)
    .reduce((sum, size) => sum + size, 0);
console.log(`${sizeOf(false)} ${sizeOf(true)}`);
