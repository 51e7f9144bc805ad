/** `node client/tests/size.ts <file>`: how many bytes a module has with all that it imports, built small and compressed. */
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const [entry = ''] = process.argv.slice(2);
const result = await build({
  configFile: false,
  logLevel: 'error',
  build: {
    write: false,
    minify: true,
    target: 'es2022',
    lib: { entry, formats: ['es'] },
    rolldownOptions: { external: ['graphql-ws'] },
  },
});
const parts = [result].flat().flatMap((built) => ('output' in built ? built.output : []));
const codes = parts.flatMap((part) => (part.type === 'chunk' ? part.code : []));
console.log(codes.reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0));
