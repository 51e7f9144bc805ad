/** Refuses a large document before it is parsed: the parser and the rules need more than linear time and memory. */
import { LRUCache } from 'lru-cache';
import 'postgraphile/grafserv';
import { Lexer, Source, TokenKind } from 'postgraphile/graphql';
import { REMEMBERED_DOCUMENTS } from '../graphql/plugins/caches.ts';
import { badRequest } from '../graphql/plugins/refusals.ts';

const MAX_LENGTH = 100_000;
/** Lexical tokens. Fifty calls with their receipts have about three thousand, an IDE's introspection has three hundred. */
const MAX_TOKENS = 4000;
/** Nested brackets, including those in values: the parser is recursive. */
const MAX_NESTING = 200;

const OPENING: readonly TokenKind[] = [TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L];
const CLOSING: readonly TokenKind[] = [TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R];

/** Documents that were checked before: most come again. */
const small = new LRUCache<string, true>({ max: REMEMBERED_DOCUMENTS });

export const DocumentSizePlugin: GraphileConfig.Plugin = {
  name: 'DocumentSizePlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      processGraphQLRequestBody(next, { body: { query } }) {
        // Grafserv later refuses a query that is not a string.
        if (typeof query === 'string' && !small.has(query)) {
          checkDocument(query);
          small.set(query, true);
        }
        return next();
      },
    },
  },
};

function checkDocument(text: string): void {
  if (text.length > MAX_LENGTH) {
    throw badRequest(`a document has at most ${MAX_LENGTH} characters: send what is large as variables`, 413);
  }
  const lexer = new Lexer(new Source(text));
  let tokens = 0;
  let nesting = 0;
  for (let kind = nextKind(lexer); kind !== TokenKind.EOF; kind = nextKind(lexer)) {
    tokens += 1;
    if (OPENING.includes(kind)) nesting += 1;
    else if (CLOSING.includes(kind)) nesting -= 1;
    if (tokens > MAX_TOKENS) {
      throw badRequest(`a document has at most ${MAX_TOKENS} words and signs: send what is large as variables`);
    }
    if (nesting > MAX_NESTING) throw badRequest(`a document has at most ${MAX_NESTING} brackets in each other`);
  }
}

/** A lexical error ends the check; the parser reports it. */
function nextKind(lexer: Lexer): TokenKind {
  try {
    return lexer.advance().kind;
  } catch {
    return TokenKind.EOF;
  }
}
