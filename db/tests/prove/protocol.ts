/** As much of PostgreSQL's protocol (version 3) and of HTTP as it takes to cut a connection at a chosen point. */

/** What a client sends before it waits for an answer. */
export interface Unit {
  kind: UnitKind;
  bytes: Buffer;
}

/** A call of the ledger, a COMMIT, or anything else. */
export type UnitKind = 'call' | 'commit' | 'other';

/** Splits what clients send into units, and tells where an answer ends. */
export interface Protocol {
  /** The units that are complete with these bytes. */
  read(chunk: Buffer): Unit[];
  /** The length of the answer that these bytes begin with; undefined while it is not complete. */
  answerLength(bytes: Buffer): number | undefined;
}

const CALLS = /ledger"?\."?wallet_/;
const HEADER_BYTES = 5;

export class PostgresProtocol implements Protocol {
  #rest = Buffer.alloc(0);
  #unit: Buffer[] = [];
  #kind: UnitKind = 'other';
  #isStarted = false;
  readonly #calls = new Set<string>();

  read(chunk: Buffer): Unit[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const units: Unit[] = [];
    for (let message = this.#next(); message; message = this.#next()) {
      this.#unit.push(message.bytes);
      this.#judge(message.type, message.body);
      // Sync, Query, an answer to the server's wish for a password, Terminate, and what comes first of all.
      if (!['S', 'Q', 'p', 'X', ''].includes(message.type)) continue;
      units.push({ kind: this.#kind, bytes: Buffer.concat(this.#unit) });
      this.#unit = [];
      this.#kind = 'other';
    }
    return units;
  }

  answerLength(bytes: Buffer): number | undefined {
    for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      // ReadyForQuery.
      if (bytes.toString('latin1', at, at + 1) === 'Z' && end <= bytes.length) return end;
      at = end;
    }
    return undefined;
  }

  #next(): { type: string; bytes: Buffer; body: Buffer } | undefined {
    const typeBytes = this.#isStarted ? 1 : 0;
    if (this.#rest.length < typeBytes + 4) return undefined;
    const length = typeBytes + this.#rest.readInt32BE(typeBytes);
    if (this.#rest.length < length) return undefined;
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.#isStarted = true;
    return { type: bytes.toString('latin1', 0, typeBytes), bytes, body: bytes.subarray(typeBytes + 4) };
  }

  #judge(type: string, body: Buffer): void {
    if (type === 'Q') {
      const text = cString(body, 0);
      if (/^commit\b/i.test(text)) this.#kind = 'commit';
      else if (CALLS.test(text)) this.#kind = 'call';
    } else if (type === 'P') {
      const name = cString(body, 0);
      if (CALLS.test(cString(body, Buffer.byteLength(name) + 1))) this.#calls.add(name);
      else this.#calls.delete(name);
    } else if (type === 'B') {
      const portal = cString(body, 0);
      if (this.#calls.has(cString(body, Buffer.byteLength(portal) + 1))) this.#kind = 'call';
    }
  }
}

/** Passes everything on. */
export class AnyProtocol implements Protocol {
  read(bytes: Buffer): Unit[] {
    return [{ kind: 'other', bytes }];
  }

  answerLength(): undefined {
    return undefined;
  }
}

/** Requests with a Content-Length, as fetch sends them; an answer ends where its header says. */
export class HttpProtocol implements Protocol {
  #rest = Buffer.alloc(0);

  read(chunk: Buffer): Unit[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const units: Unit[] = [];
    for (let length = messageLength(this.#rest); length !== undefined; length = messageLength(this.#rest)) {
      const bytes = this.#rest.subarray(0, length);
      units.push({ kind: bytes.includes('mutation') ? 'call' : 'other', bytes });
      this.#rest = this.#rest.subarray(length);
    }
    return units;
  }

  answerLength(bytes: Buffer): number | undefined {
    return messageLength(bytes);
  }
}

function messageLength(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = headEnd + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  return bytes.length < length ? undefined : length;
}

function cString(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
