create or replace function ledger_private.merkle_root(leaves bytea[])
returns bytea
language plpgsql
immutable
as $$
declare
  v_level bytea[] := leaves;
begin
  -- Level by level: a node without a neighbour goes up as it is, which makes the same tree as cutting at powers of two.
  while cardinality(v_level) > 1 loop
    select array_agg(case when p.second is null then p.first else sha256(E'\\x01'::bytea || p.first || p.second) end
      order by p.place)
      into v_level
      from (
        select u.node as first, lead(u.node) over (order by u.place) as second, u.place
          from unnest(v_level) with ordinality u (node, place)
      ) p
      where p.place % 2 = 1;
  end loop;
  return coalesce(v_level[1], sha256(''));
end
$$;

comment on function ledger_private.merkle_root is
  'The Merkle tree hash of RFC 6962 over leaves that are hashes: a node is SHA-256 over a byte 1 and its children.';

grant execute on function ledger_private.merkle_root to wallet_auditor;
