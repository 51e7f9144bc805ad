/** The function files say what the migrations have made: running them again changes nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { createDatabase, type Session } from './helpers.ts';

const FOLDER = new URL('../functions/', import.meta.url);
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.sql'))
  .sort();

interface Definition {
  name: string;
  definition: string;
  comment: string | null;
  owner: string;
  grants: string[];
}

const db = createDatabase();

async function definitions(session: Session): Promise<Definition[]> {
  const { rows } = await session.query<Definition>(
    `select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, obj_description(p.oid, 'pg_proc') as comment,
       p.proowner::regrole::text as owner,
       array(select a.grantee::regrole || ' ' || a.privilege_type || ' by ' || a.grantor::regrole || a.is_grantable
         from aclexplode(p.proacl) a order by 1) as grants
     from pg_proc p where pronamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace, 'gateway'::regnamespace) order by 1`,
  );
  return rows;
}

describe('running every function file over the migrated database', () => {
  it('changes no definition, comment, owner or grant', async () => {
    const session = await db.connect();
    const before = await definitions(session);

    await session.query('begin');
    await session.query('set local role wallet_owner');
    for (const file of files) await session.query(readFileSync(new URL(file, FOLDER), 'utf8'));
    const after = await definitions(session);
    await session.query('rollback');

    expect(files.length).toBeGreaterThan(0);
    expect(after).toEqual(before);
  });
});
