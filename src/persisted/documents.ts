/** Loads the documents that callers may name by their hash. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'postgraphile/graphql';
import { ConfigError } from '../config.ts';

/** By SHA-256 of the text, in hexadecimal. */
export type Documents = ReadonlyMap<string, string>;

/** `path` is a folder of files named `<hash>.graphql`, or a JSON file with an object from hash to text. */
export async function loadDocuments(path: string): Promise<Documents> {
  const entries = await entriesOf(path).catch((error: unknown) => {
    throw new ConfigError(`PERSISTED_DOCUMENTS cannot be read: ${firstLine(error)}`, { cause: error });
  });
  const documents = new Map(entries.map(([name, text]) => [checkedHash(name, text), text]));
  if (documents.size === 0) throw new ConfigError(`PERSISTED_DOCUMENTS names no document: ${path}`);
  return documents;
}

export function hashOf(name: string): string {
  return name.replace(/^sha256:/, '').toLowerCase();
}

async function entriesOf(path: string): Promise<[string, string][]> {
  if ((await stat(path)).isDirectory()) {
    const files = (await readdir(path)).filter((file) => file.endsWith('.graphql'));
    return Promise.all(
      files.map(async (file) => [file.replace(/\.graphql$/, ''), await readFile(join(path, file), 'utf8')] as const),
    ).then((read) => read.map(([name, text]) => [name, text]));
  }
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new Error('it must hold an object from hash to document');
  }
  return Object.entries(content).map(([name, text]) => [name, String(text)]);
}

function checkedHash(name: string, text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  if (hashOf(name) !== hash) throw new ConfigError(`PERSISTED_DOCUMENTS: ${name} is not the SHA-256 of its document`);
  try {
    parse(text);
  } catch (error) {
    throw new ConfigError(`PERSISTED_DOCUMENTS: ${name} is no GraphQL: ${firstLine(error)}`, { cause: error });
  }
  return hash;
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? '';
}
