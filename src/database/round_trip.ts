/**
 * Several statements in one round trip. PostgreSQL treats everything before a Sync as one transaction: an error in one statement undoes the
 * others and skips the rest. An error at the commit is reported in the same way.
 */
import pg, { type Connection, type FieldDef, type Submittable } from 'pg';
import type { Statement } from './statements.ts';

export interface Step {
  statement: Statement;
  values: (string | Buffer | null)[];
}

/** The result of the last step; values are PostgreSQL's text. */
export interface Answer {
  fields: FieldDef[];
  rows: (string | null)[][];
}

/** The connection failed, and the transaction may have been committed: a retry with the same idempotency key finds out. */
class ConnectionLost extends Error {
  override name = 'ConnectionLost';
  readonly code = 'CONNECTION_LOST';

  constructor(cause: Error) {
    super(`Connection terminated: ${cause.message}`, { cause });
  }
}

/** Committed, but the wait for the synchronous standby was cancelled: a failover might still lose it. */
class Unconfirmed extends Error {
  override name = 'Unconfirmed';
  readonly code = 'UNCONFIRMED';

  constructor() {
    super('Not confirmed by the standby');
  }
}

/** The PostgreSQL function that sends the warning: its name does not depend on the server's language, as the text does. */
const WAITS_FOR_STANDBY = 'SyncRepWaitForLSN';

export class RoundTrip implements Submittable {
  /** Whether the server has reported the end of the transaction: commit or rollback. */
  isOver = false;
  readonly #steps: Step[];
  readonly #dropped: string[];
  readonly #settling = Promise.withResolvers<Answer>();
  readonly #rows: (string | null)[][] = [];
  #fields: FieldDef[] | undefined;
  #isUnconfirmed = false;

  /** `dropped` are names of prepared statements to close on the server. */
  constructor(steps: Step[], dropped: string[]) {
    this.#steps = steps;
    this.#dropped = dropped;
  }

  /** Settles when the server is ready for the next query; rejects with `ConnectionLost` if the connection fails. */
  get answer(): Promise<Answer> {
    return this.#settling.promise;
  }

  submit(connection: Connection): void {
    const watch = ({ routine }: { routine?: string | undefined }) => {
      if (routine === WAITS_FOR_STANDBY) this.#isUnconfirmed = true;
    };
    connection.on('notice', watch);
    const unwatch = () => connection.off('notice', watch);
    this.answer.then(unwatch, unwatch);
    connection.stream.cork();
    // Close first: an error skips everything after it.
    for (const name of this.#dropped) connection.close({ type: 'S', name }, true);
    for (const step of this.#steps) {
      const { name, text, isPrepared } = step.statement;
      if (!isPrepared) {
        // An earlier round trip may have prepared it and then failed. Closing an unknown name is no error.
        if (name !== '') connection.close({ type: 'S', name }, true);
        connection.parse({ name, text, types: [] }, true);
      }
      connection.bind({ statement: name, values: step.values }, true);
      if (step === this.#steps.at(-1)) connection.describe({ type: 'P' }, true);
      connection.execute(null, true);
    }
    connection.sync();
    connection.stream.uncork();
  }

  /** Called for the last step only: the others are not described. */
  handleRowDescription({ fields }: { fields: FieldDef[] }): void {
    this.#fields = fields;
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.#fields) this.#rows.push(fields);
  }

  handleCommandComplete(): void {
    // Another step or ReadyForQuery follows.
  }

  handleReadyForQuery(): void {
    for (const { statement } of this.#steps) statement.isPrepared = true;
    this.isOver = true;
    if (this.#isUnconfirmed) this.#settling.reject(new Unconfirmed());
    else this.#settling.resolve({ fields: this.#fields ?? [], rows: this.#rows });
  }

  handleError(error: Error, connection: Connection): void {
    const lost = () => {
      connection.off('readyForQuery', refused);
      this.#settling.reject(new ConnectionLost(error));
    };
    const refused = () => {
      connection.off('end', lost);
      this.isOver = true;
      this.#settling.reject(error);
    };
    if (error instanceof pg.DatabaseError) {
      // After its error the server either sends ReadyForQuery, with the transaction rolled back and its locks released, or disconnects.
      connection.once('readyForQuery', refused);
      connection.once('end', lost);
    } else lost();
  }
}
