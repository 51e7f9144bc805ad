/** `node build.ts <folder> <digest>`: builds the console into that folder, which says what it was built from. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'vite';

const [folder, digest] = process.argv.slice(2);
if (folder === undefined || digest === undefined) throw new Error('node build.ts <folder> <digest>');

// Also where tests or a service in development start it: their libraries have twice the size.
process.env.NODE_ENV = 'production';
await build({
  mode: 'production',
  root: import.meta.dirname,
  configFile: false,
  envFile: false,
  base: '/console/',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: folder,
    emptyOutDir: true,
    target: 'es2023',
    // The policy of the page allows no inline script, and no image that is no file.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    manifest: true,
  },
});

const assets = join(folder, 'assets');
for (const name of readdirSync(assets)) {
  const bytes = readFileSync(join(assets, name));
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  writeFileSync(join(assets, `${name}.br`), brotliCompressSync(bytes, options));
}
// Last: a folder without it is not whole.
writeFileSync(join(folder, 'sources.txt'), `${digest}\n`);
