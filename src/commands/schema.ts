/** `npm run schema`: writes the GraphQL schema to schema.graphql, so that a change of the API shows in its history; `-- --print` prints it. */
import '../graphql/graphile-env.ts';
import { writeFile } from 'node:fs/promises';
import { makeSchema } from 'postgraphile';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { readCommandConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { createPreset } from '../graphql/graphile.config.ts';
import { command } from './command.ts';

const HELP = `npm run schema -- [--print]

Writes the GraphQL schema to schema.graphql.

  --print  prints it instead`;

await command({ help: HELP, options: { print: { type: 'boolean', default: false } } }, async ({ print }) => {
  const database = await openDatabase(readCommandConfig(process.env));
  try {
    const { schema } = await makeSchema(createPreset({ pool: database.pool }));
    const sdl = printSchema(lexicographicSortSchema(schema)).replaceAll(/ +$/gm, '');
    if (print) console.log(sdl);
    else await writeFile(new URL('../../schema.graphql', import.meta.url), `${sdl}\n`);
  } finally {
    await database.close();
  }
  return 0;
});
