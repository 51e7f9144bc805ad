/** Optional: replaces the hash in a request by the document, and refuses unknown hashes. */
import { PersistedPlugin } from '@grafserv/persisted';
import 'postgraphile/grafserv';
import type { ParsedGraphQLBody } from 'postgraphile/grafserv';
import { SafeError } from 'postgraphile/grafast';
import type { PersistedConfig } from '../config.ts';
import { hashOf, loadDocuments, type Documents } from './documents.ts';

interface Options {
  documents: Documents;
  only: boolean;
}

export async function createPersistedPreset({ path, only }: PersistedConfig): Promise<GraphileConfig.Preset> {
  const documents = await loadDocuments(path);
  return {
    plugins: [createKnownPlugin({ documents, only }), PersistedPlugin],
    grafserv: {
      hashFromPayload: hashFrom,
      persistedOperationsGetter: (hash) => documents.get(hash) ?? '',
      allowUnpersistedOperation: !only,
    },
  };
}

/** Runs first: the library would log each refused request with its variables. */
function createKnownPlugin({ documents, only }: Options): GraphileConfig.Plugin {
  return {
    name: 'KnownDocumentsPlugin',
    version: '1.0.0',
    before: ['PersistedPlugin'],
    grafserv: {
      middleware: {
        processGraphQLRequestBody(next, { body }) {
          const hash = hashFrom(body);
          if (hash === undefined) {
            if (only)
              throw refused('PERSISTED_DOCUMENT_REQUIRED', 'only known documents are accepted: send documentId');
            if (typeof body.query !== 'string') throw refused('BAD_REQUEST', 'query must be a string');
          } else if (!documents.has(hash)) {
            throw refused('PERSISTED_DOCUMENT_NOT_FOUND', 'there is no document of this id');
          }
          return next();
        },
      },
    },
  };
}

function hashFrom({ documentId, id, extensions }: ParsedGraphQLBody): string | undefined {
  const { persistedQuery } = (extensions ?? {}) as { persistedQuery?: { sha256Hash?: unknown } | null };
  const name = documentId ?? persistedQuery?.sha256Hash ?? id ?? undefined;
  if (name === undefined) return undefined;
  return typeof name === 'string' ? hashOf(name) : '';
}

function refused(code: string, message: string): SafeError {
  return new SafeError(message, { statusCode: 400, code });
}
