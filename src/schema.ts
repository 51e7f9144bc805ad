/** Writes the GraphQL schema to schema.graphql, so that a change of the API shows in its history. Run by `npm run schema`. */
import './graphile-env.ts';
import { writeFile } from 'node:fs/promises';
import { makeSchema } from 'postgraphile';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { readConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { createPreset } from './graphile.config.ts';

const database = await openDatabase(readConfig(process.env));
try {
  const { schema } = await makeSchema(createPreset({ pool: database.pool }));
  await writeFile(new URL('../schema.graphql', import.meta.url), `${printSchema(lexicographicSortSchema(schema))}\n`);
} finally {
  await database.close();
}
