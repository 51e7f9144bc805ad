/** What the tests of seals share. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callAll, type Finding, type Session } from './helpers.ts';

export interface Seal {
  seq: string;
  entries: string;
  wallets: string;
  root: Buffer;
  previous: Buffer | null;
  hash: Buffer;
  horizon: string;
  horizon_id: string;
  epoch: string;
  sealed_at: string;
  actor: string;
}

const LIMIT_MS = 90_000;

export const seal = (session: Session, max_transfers?: number | null): Promise<Seal[]> =>
  callAll<Seal>(session, 'ledger_seal', { max_transfers });

/** Seals until a wallet is sealed up to an entry: transactions of other tests, open elsewhere on the server, hold a seal back. */
export async function sealUntil(session: Session, wallet: string, seq: number, max?: number): Promise<Seal[]> {
  const seals: Seal[] = [];
  for (const deadline = Date.now() + LIMIT_MS; (await sealedSeq(session, wallet)) < seq;) {
    if (Date.now() > deadline) throw new Error(`wallet ${wallet} is not sealed up to ${seq}`);
    const made = await seal(session, max);
    seals.push(...made);
    if (made.length === 0) await sleep(20);
  }
  return seals;
}

export async function sealedSeq(session: Session, wallet: string): Promise<number> {
  const { rows } = await session.query<{ seq: number }>(
    'select coalesce(max(seq), 0)::int as seq from ledger.block_heads where wallet_id = $1',
    [wallet],
  );
  return rows[0]?.seq ?? 0;
}

export const verifySeals = (session: Session, kept?: string): Promise<Finding[]> =>
  callAll<Finding>(session, 'ledger_verify_seals', { kept });

/** All seals as `npm run seal` would have kept them. */
export async function keepSeals(session: Session): Promise<string> {
  const { rows } = await session.query<{ kept: string }>(
    "select coalesce(json_agg(s order by s.seq), '[]')::text as kept from ledger.blocks s",
  );
  return rows[0]?.kept ?? '[]';
}

const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** As RFC 6962 defines it: cut at the largest power of two that is smaller. The leaves are hashes already. */
export function merkleRoot(leaves: Buffer[]): Buffer {
  const [first, ...others] = leaves;
  if (!first) return sha256();
  if (others.length === 0) return first;
  const cut = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.of(1), merkleRoot(leaves.slice(0, cut)), merkleRoot(leaves.slice(cut)));
}

export function leafOf(wallet: string, seq: string, hash: Buffer): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigInt64BE(BigInt(seq));
  return sha256(Buffer.of(0), Buffer.from(wallet.replaceAll('-', ''), 'hex'), number, hash);
}
