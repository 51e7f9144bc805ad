/**
 * The prepared statements of each connection. Their number is limited: PostgreSQL keeps each one and its plan until the connection ends.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PoolClient } from 'pg';

/** A text and its name on one connection. A statement without a name is prepared for one call. */
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

  /** At the maximum, a new text replaces the least recently used one. */
  named(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = { text, name: nameOf(text), isPrepared: false };
    this.#statements.set(text, statement);
    return statement;
  }

  /** Returns names that the server may forget, once. */
  takeDropped(): string[] {
    return this.#dropped.splice(0);
  }

  /** For when the server no longer knows the statements, or has others under their names. */
  forget(): void {
    for (const statement of this.#statements.values()) statement.isPrepared = false;
  }
}

/**
 * The hash of the text: if a pooler mixes up sessions, a statement of this name is the same one, or missing. The types of its values follow
 * from the text.
 */
function nameOf(text: string): string {
  return `wallet_${createHash('sha256').update(text).digest('base64url')}`;
}
