import { callAll, newAsset, newWallet } from '../../db/tests/helpers.ts';
import { seal } from '../../db/tests/seals.ts';
import { createGateway } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;

interface Block {
  seq: string;
  hash: string;
  sealedAt: string;
  finalUntil: string | null;
}
const FIELDS = 'seq hash previous root totalsHash entries wallets epoch sealedAt finalUntil actor';

describe.each(['auditor', 'operator'] as const)('for a token of the role %s', (role) => {
  const caller = gateway.as(role, 'ada');
  const blocks = async (args: string): Promise<Block[]> =>
    (await caller.data<{ blocks: { nodes: Block[] } }>(`{ blocks(${args}) { nodes { ${FIELDS} } } }`)).blocks.nodes;

  it('blocks come as in the ledger: the first before anything is final, the newest by `last`', async () => {
    await newWallet(db, await newAsset(db), { bought: 1 });
    await seal(db);
    const { rows } = await db.query<{ seq: string; hash: string }>(
      "select seq, encode(hash, 'base64') as hash from ledger.blocks order by seq",
    );

    const all = await blocks('first: 1000');

    expect(all.map(({ seq, hash }) => ({ seq, hash })).slice(0, rows.length)).toEqual(rows);
    expect(all[0]).toMatchObject({ seq: '1', finalUntil: null, previous: null });
    const [newest] = await blocks('last: 1');
    expect(BigInt(newest?.seq ?? 0)).toBeGreaterThanOrEqual(BigInt(rows.at(-1)?.seq ?? 1));
    expect(newest?.sealedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    expect(await caller.data(`{ block(seq: "1") { ${FIELDS} } }`)).toEqual({ block: all[0] });
    expect(await caller.data('{ block(seq: "999999999") { seq } }')).toEqual({ block: null });
  });

  it('verifications come with their findings, the newest by `last`', async () => {
    await callAll(db, 'ledger_prove', {});
    const { rows } = await db.query<{ seq: string }>('select max(seq) as seq from ledger.verifications');

    const { verifications } = await caller.data<{ verifications: { nodes: object[] } }>(
      '{ verifications(last: 1) { nodes { seq findings blockSeq keptSeals actor startedAt finishedAt } } }',
    );

    expect(verifications.nodes).toEqual([
      {
        ...{ seq: rows[0]?.seq, findings: '0', keptSeals: '0', blockSeq: expect.stringMatching(/^\d+$/) as string },
        ...{ actor: expect.stringMatching(/^db:/) as string },
        ...{ startedAt: expect.stringMatching(/^\d{4}-/) as string, finishedAt: expect.any(String) as string },
      },
    ]);
  });
});
