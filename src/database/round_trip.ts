/**
 * Several statements in one round trip. PostgreSQL takes all that comes before a Sync for one transaction: an error in any
 * of them undoes the others and skips the rest, and what fails only at the commit is an error like the others.
 */
import pg, { type Connection, type FieldDef, type Submittable } from 'pg';
import type { Statement } from './statements.ts';

export interface Step {
  statement: Statement;
  values: (string | Buffer | null)[];
}

/** What the last step answered; values as PostgreSQL writes them. */
export interface Answer {
  fields: FieldDef[];
  rows: (string | null)[][];
}

/** Whether the transaction was committed, the call's key shows. */
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

/** PostgreSQL's function that then warns; the text would depend on its language. */
const WAITS_FOR_STANDBY = 'SyncRepWaitForLSN';

/** For `client.query`. */
export class RoundTrip implements Submittable {
  /** Whether the server has said that the transaction has ended, this way or that. */
  isOver = false;
  readonly #steps: Step[];
  readonly #dropped: string[];
  readonly #settling = Promise.withResolvers<Answer>();
  readonly #rows: (string | null)[][] = [];
  #fields: FieldDef[] | undefined;
  #isUnconfirmed = false;

  /** `dropped` are names of statements that the connection need not know any longer. */
  constructor(steps: Step[], dropped: string[]) {
    this.#steps = steps;
    this.#dropped = dropped;
  }

  /** Settles when the server is ready for the next one, or as `ConnectionLost`. */
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
    // First, as an error skips what comes after it.
    for (const name of this.#dropped) connection.close({ type: 'S', name }, true);
    for (const step of this.#steps) {
      const { name, text, isPrepared } = step.statement;
      if (!isPrepared) {
        // An earlier one may have prepared it and failed after that. Closing what is not there is no error.
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

  /** Of the last step only: the others are not described. */
  handleRowDescription({ fields }: { fields: FieldDef[] }): void {
    this.#fields = fields;
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.#fields) this.#rows.push(fields);
  }

  handleCommandComplete(): void {
    // The next step follows, or the end.
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
      // The server's own error: either it goes on, with the transaction rolled back and its locks gone, or it hangs up.
      connection.once('readyForQuery', refused);
      connection.once('end', lost);
    } else lost();
  }
}
