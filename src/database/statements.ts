/** Which statements a connection has prepared: few enough, since PostgreSQL keeps each and its plan until the connection ends. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PoolClient } from 'pg';

/** A text and the name that it has, or will have, in one connection. Without a name it is prepared for one call. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  isPrepared: boolean;
}

const MAX_STATEMENTS = 100;

const byConnection = new WeakMap<PoolClient, Statements>();

export function statementsOf(connection: PoolClient): Statements {
  const statements = byConnection.get(connection) ?? new Statements();
  byConnection.set(connection, statements);
  return statements;
}

export function unnamed(text: string): Statement {
  return { text, name: '', isPrepared: false };
}

export class Statements {
  readonly #dropped: string[] = [];
  readonly #statements = new LRUCache<string, Statement>({
    max: MAX_STATEMENTS,
    dispose: ({ name }) => this.#dropped.push(name),
  });

  /** Once there are enough, a text that is new drops the one that was not used for longest. */
  named(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = { text, name: nameOf(text), isPrepared: false };
    this.#statements.set(text, statement);
    return statement;
  }

  /** Names that the server need not know any longer. */
  takeDropped(): string[] {
    return this.#dropped.splice(0);
  }

  /** For when the server does not know them any longer, or knows them wrongly. */
  forget(): void {
    for (const statement of this.#statements.values()) statement.isPrepared = false;
  }
}

/**
 * Says what the statement is: should a pooler mix up sessions, one of this name does the same, or is not there. The types of its values
 * follow from the text.
 */
function nameOf(text: string): string {
  return `wallet_${createHash('sha256').update(text).digest('base64url')}`;
}
