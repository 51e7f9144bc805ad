/** Rows as PostgreSQL sends them between processes, which no setting changes; ids and the clock give way to names. */
import type { Session } from '../helpers.ts';

/** A value with its type. */
interface Field {
  type: number;
  bytes: Buffer | undefined;
}

const [BOOLEAN, BYTEA, BIGINT, INT, FLOAT, TIMESTAMPTZ, UUID, JSONB, XID8] = [
  16, 17, 20, 23, 701, 1184, 2950, 3802, 5069,
];
const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const CURSOR = /\b(\d+)\.\d+\.(?=[0-9a-f]{8}-)/g;
const INSTANTS = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)([+-][\d:]+|Z)/g;
/** Microseconds from 1970 to 2000, which PostgreSQL counts from. */
const EPOCH = 946_684_800_000_000n;
/** What a slow machine may take for a scenario; no zone of the profiles is that close to another. */
const SLACK_MS = 600_000;

/** Every row of a query whose last relation is `r`, as bytes. */
export async function rowsAsSent(
  session: Session,
  from: string,
  values: unknown[],
  condition = 'true',
): Promise<Buffer[]> {
  const { rows } = await session.query<{ row: string }>(
    `select pg_catalog.encode(pg_catalog.record_send(row(r.*)), 'hex') as row from ${from} r where ${condition}`,
    values,
  );
  return rows.map(({ row }) => Buffer.from(row, 'hex'));
}

export function fieldsOf(row: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 4; at < row.length;) {
    const [type, length] = [row.readUInt32BE(at), row.readInt32BE(at + 4)];
    at += 8;
    fields.push({ type, bytes: length < 0 ? undefined : row.subarray(at, at + length) });
    at += Math.max(length, 0);
  }
  return fields;
}

export const uuidOf = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** What ids, texts and instants of one scenario are called, so that two can be compared. */
export class Names {
  readonly #start = Date.now();
  readonly #ids = new Map<string, string>();
  readonly #texts = new Map<string, string>();

  /** Every text that is part of the run is written otherwise. */
  call(text: string, name: string): void {
    this.#texts.set(text, name);
  }

  callId(id: string, name: string): void {
    this.#ids.set(id, name);
  }

  /** Forgets the ids that came after `known`. */
  forget(known: number): void {
    for (const id of [...this.#ids.keys()].slice(known)) this.#ids.delete(id);
  }

  get known(): number {
    return this.#ids.size;
  }

  /** In the order in which they first come. */
  id(id: string): string {
    const name = this.#ids.get(id) ?? `id ${this.#ids.size}`;
    this.#ids.set(id, name);
    return name;
  }

  text(text: string): string {
    const named = text
      .replace(CURSOR, '$1.xid.')
      .replace(UUIDS, (id) => this.id(id))
      .replace(INSTANTS, (all, instant: string, zone: string) =>
        this.#isNow(Date.parse(`${instant}${zone}`)) ? `now${zone}` : all,
      );
    return [...this.#texts].reduce((result, [known, name]) => result.replaceAll(known, name), named);
  }

  #isNow(ms: number): boolean {
    return ms >= this.#start - SLACK_MS && ms <= Date.now() + SLACK_MS;
  }

  row(row: Buffer): string[] {
    return fieldsOf(row).map((field) => this.#field(field));
  }

  #field({ type, bytes }: Field): string {
    if (!bytes) return 'null';
    switch (type) {
      case UUID:
        return this.id(uuidOf(bytes));
      case TIMESTAMPTZ:
        return this.#instant(bytes.readBigInt64BE());
      case BOOLEAN:
        return bytes[0] === 1 ? 'true' : 'false';
      case BIGINT:
        return bytes.readBigInt64BE().toString();
      case INT:
        return bytes.readInt32BE().toString();
      case FLOAT:
        return bytes.readDoubleBE().toString();
      case XID8:
        return 'xid';
      case BYTEA:
        // Hashes cover ids and the clock. That they are right is proven by ledger_verify().
        return `${bytes.length} bytes`;
      case JSONB:
        return this.text(bytes.subarray(1).toString());
      default:
        // Of numeric, the bytes will do.
        return this.text(/^[\x20-\x7e]*$/.test(bytes.toString('latin1')) ? bytes.toString() : bytes.toString('hex'));
    }
  }

  #instant(since2000: bigint): string {
    const micros = since2000 + EPOCH;
    return this.#isNow(Number(micros / 1000n)) ? 'now' : `${micros}`;
  }
}
