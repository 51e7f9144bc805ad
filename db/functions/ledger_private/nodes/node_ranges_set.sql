create or replace function ledger_private.node_ranges_set(node text, ranges jsonb)
returns void
language plpgsql
volatile
as $$
declare
  v_range record;
  v_other record;
  v_next numeric := 0; -- The first id that has no range so far, as a number.
begin
  if node is null or ranges is null or jsonb_typeof(ranges) <> 'array' then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
      'Send a list of objects with first_id, last_id and node, and the name of this node.'));
  end if;
  -- One at a time; readers of the old ranges are waited for, and new ones wait.
  lock table ledger_private.node_ranges, ledger_private.other_ranges in access exclusive mode;
  delete from ledger_private.node_ranges;
  delete from ledger_private.other_ranges;
  for v_range in
    select r.first_id, r.last_id, r.node, ledger_private.id_number(r.first_id) as first_number,
      ledger_private.id_number(r.last_id) as last_number
    from jsonb_to_recordset(ranges) r (first_id uuid, last_id uuid, node text)
    order by r.first_id
  loop
    if v_range.node is null or (v_range.first_number = v_next and v_range.last_number >= v_next) is not true then
      perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
        'Name each id once: a range begins where the one before it ends, and has a node.', to_jsonb(v_range)));
    end if;
    v_next := v_range.last_number + 1;
    if v_range.node = node_ranges_set.node then
      insert into ledger_private.node_ranges (first_id, last_id) values (v_range.first_id, v_range.last_id);
    else
      insert into ledger_private.other_ranges (first_id, last_id, node)
        values (v_range.first_id, v_range.last_id, v_range.node);
    end if;
  end loop;
  if v_next < 2::numeric ^ 128 then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges', 'The last range ends with the last id.'));
  end if;
  if not exists (select from ledger_private.node_ranges) then
    perform ledger_private.refuse(ledger_private.invalid_argument('node', 'This node has no range.'));
  end if;
  select w.id as wallet_id, r.node into v_other
    from ledger_private.other_ranges r
    cross join lateral (
      select w.id from ledger.wallets w where w.id between r.first_id and r.last_id order by w.id limit 1) w
    limit 1;
  if found then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
      'This database has wallets of a range that is to be another node''s.', to_jsonb(v_other)));
  end if;
end
$$;

comment on function ledger_private.node_ranges_set is
$$Says which wallets this database has, where a ledger is spread over several databases, and which database has the
others. For the owner of the ledger, on each database, before the first wallet is opened there. A database that has been
told refuses to open wallets of others. Repeating the call changes nothing.

- node: the name of this database.
- ranges: a list of objects with first_id, last_id and node, which covers all ids without a gap: those with this node
  are here.

Refuses with INVALID_ARGUMENT (WLARG): ids are missing or named twice, this node has no range, or there are wallets here
that are to be on another node.$$;
