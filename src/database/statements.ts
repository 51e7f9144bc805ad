/** Which statements a connection has prepared: few enough, since PostgreSQL keeps each and its plan until the connection ends. */
import type { PoolClient } from 'pg';

/** A text and the name that it has, or will have, in one connection. */
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

export class Statements {
  /** The latest used last. */
  readonly #statements = new Map<string, Statement>();

  /** A text that is new takes the name of the one that was not used for longest, once there are enough. */
  named(text: string): Statement {
    const statement = this.#statements.get(text) ?? { text, name: this.#nameForNew(), isPrepared: false };
    this.#statements.delete(text);
    this.#statements.set(text, statement);
    return statement;
  }

  /** For when the server does not know them any longer, or knows them wrongly. */
  forget(): void {
    for (const statement of this.#statements.values()) statement.isPrepared = false;
  }

  #nameForNew(): string {
    const [oldest] = this.#statements.values();
    if (!oldest || this.#statements.size < MAX_STATEMENTS) return `statement_${this.#statements.size + 1}`;
    this.#statements.delete(oldest.text);
    return oldest.name;
  }
}
