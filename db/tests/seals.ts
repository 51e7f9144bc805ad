/** What the tests of seals share. */
import { createHash } from 'node:crypto';
import { callAll, type Finding, type Session } from './helpers.ts';

export interface Seal {
  seq: string;
  entries: string;
  wallets: string;
  root: Buffer;
  totals_hash: Buffer;
  previous: Buffer | null;
  hash: Buffer;
  snapshot: string;
  xid: string;
  epoch: string;
  sealed_at: string;
  final_until: string;
  counted_until: string;
  actor: string;
}

export const seal = (session: Session, max_events?: number | null): Promise<Seal[]> =>
  callAll<Seal>(session, 'ledger_seal', { max_events });

/** More than any test makes. */
const MOST_SEALS = 500;

/** Seals until nothing is new. */
export async function sealAll(session: Session): Promise<Seal[]> {
  const seals: Seal[] = [];
  for (let made = await seal(session); made.length > 0; made = await seal(session)) {
    seals.push(...made);
    if (seals.length > MOST_SEALS) throw new Error('there is always something new to seal');
  }
  return seals;
}

/** Seals all there is: nobody's open transaction elsewhere holds a block back. Fails where a wallet is not sealed up to an entry then. */
export async function sealUntil(session: Session, wallet: string, seq: number): Promise<Seal[]> {
  const seals = await sealAll(session);
  const sealed = await sealedSeq(session, wallet);
  if (sealed < seq) throw new Error(`wallet ${wallet} is sealed up to ${sealed}, not to ${seq}`);
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

/**
 * Computes all blocks anew from the entries that they close, after the chains of entries were: as somebody would who knows the formats and wants
 * nothing to show.
 */
export const RESEAL = `do $$
  declare
    v_block ledger.blocks;
    v_last ledger.blocks;
  begin
    delete from ledger.block_heads h where not exists (select from ledger.entries e where e.wallet_id = h.wallet_id and e.seq = h.seq);
    delete from ledger.house_totals;
    delete from ledger.blocks s where not exists (select from ledger.block_heads h where h.block_seq = s.seq)
      and not exists (select from ledger.block_records r where r.block_seq = s.seq);
    for v_block in select * from ledger.blocks order by seq loop
      insert into ledger.house_totals
        select s.asset_code, s.kind, s.debit, s.credit, v_block.seq, s.quarter, s.movements, s.amount, s.bonus_amount,
            sum(s.amount) over earlier + coalesce(b.amount, 0), sum(s.bonus_amount) over earlier + coalesce(b.bonus_amount, 0),
            sum(s.movements) over earlier + coalesce(b.movements, 0)
          from (
            select w.asset_code, e.kind, e.debit, e.credit,
                date_bin('15 min', greatest(e.created_at, v_last.final_until), '2000-01-01Z') as quarter,
                count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
              from ledger.block_heads h join ledger.wallets w on w.id = h.wallet_id
                join ledger.entries e on e.wallet_id = h.wallet_id and e.actor is not null and e.amount > 0 and e.seq <= h.seq and e.seq > coalesce((
                  select max(p.seq) from ledger.block_heads p where p.wallet_id = h.wallet_id and p.block_seq < v_block.seq), 0)
              where h.block_seq = v_block.seq group by 1, 2, 3, 4, 5
          ) s
          left join lateral (
            select sum(t.movements) as movements, sum(t.amount) as amount, sum(t.bonus_amount) as bonus_amount from ledger.house_totals t
              where (t.asset_code, t.kind, t.debit, t.credit) = (s.asset_code, s.kind, s.debit, s.credit)
          ) b on true
          window earlier as (partition by s.asset_code, s.kind, s.debit, s.credit order by s.quarter);
      v_block.totals_hash := ledger_private.totals_hash(array(select t from ledger.house_totals t where t.block_seq = v_block.seq));
      v_block.counted_until := greatest(v_last.counted_until, '-infinity', (
        select max(greatest(e.created_at, v_last.final_until))
          from ledger.block_heads h
            join ledger.entries e on e.wallet_id = h.wallet_id and e.actor is not null and e.amount > 0 and e.seq <= h.seq and e.seq > coalesce((
              select max(p.seq) from ledger.block_heads p where p.wallet_id = h.wallet_id and p.block_seq < v_block.seq), 0)
          where h.block_seq = v_block.seq));
      select ledger_private.merkle_root(array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) || (
            select array_agg(ledger_private.seal_leaf(n.id, n.seq, r.hash) order by n.chain, n.id)
              from ledger.block_records n join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
              where n.block_seq = v_block.seq)),
          count(*), coalesce(sum(h.seq - coalesce((
            select max(p.seq) from ledger.block_heads p where p.wallet_id = h.wallet_id and p.block_seq < h.block_seq), 0)), 0)
        into v_block.root, v_block.wallets, v_block.entries
        from ledger.block_heads h join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
        where h.block_seq = v_block.seq;
      v_block.previous := v_last.hash;
      v_block.hash := ledger_private.seal_hash(v_block);
      update ledger.blocks set root = v_block.root, wallets = v_block.wallets, entries = v_block.entries, totals_hash = v_block.totals_hash,
        counted_until = v_block.counted_until, previous = v_block.previous, hash = v_block.hash where seq = v_block.seq;
      v_last := v_block;
    end loop;
  end $$`;

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
