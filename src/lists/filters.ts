/** Filters of a wallet's entries by kind and time. */
import type { PgSelectQueryBuilder, PgSelectSingleStep, PgSelectStep } from 'postgraphile/@dataplan/pg';
import { sql, type SQL, type SQLRawValue } from 'postgraphile/@dataplan/pg/pg-sql2';
import { lambda, type ConnectionStep, type FieldArg, type Step } from 'postgraphile/grafast';
import { GraphQLList, GraphQLNonNull } from 'postgraphile/graphql';

type Condition = (entries: SQL, value: SQLRawValue) => SQL;
type Connection = ConnectionStep<Step>;

const MAX_SEQ = sql`9223372036854775807`;

export const FiltersPlugin: GraphileConfig.Plugin = {
  name: 'FiltersPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args(args, build, { scope: { fieldName }, Self }) {
        if (Self.name !== 'Wallet' || fieldName !== 'entries') return args;
        const kind = build.getInputTypeByName('TransferKind');
        const time = build.getInputTypeByName('Datetime');
        const filters = {
          kinds: {
            type: new GraphQLList(new GraphQLNonNull(kind)),
            description: 'Only movements of these kinds; none at all where the list is empty.',
            applyPlan: applyKinds,
          },
          from: { type: time, description: 'Only what was booked at this instant or later.', applyPlan: applyFrom },
          to: { type: time, description: 'Only what was booked before this instant.', applyPlan: applyTo },
        };
        return build.extend(args, filters, 'Adding the filters of entries');
      },
    },
  },
};

function applyKinds(_$wallet: PgSelectSingleStep, $connection: Connection, arg: FieldArg): void {
  addCondition(selectOf($connection), arg, (entries, kinds) =>
    // PostgreSQL reads no row for a constant false.
    Array.isArray(kinds) && kinds.length === 0
      ? sql.false
      : sql`${entries}.kind = any (${sql.value(kinds)}::ledger.transfer_kind[])`,
  );
}

// Within a wallet, times never decrease with the number. So a time is translated into a number, and the condition uses the primary key. The
// wallet's id is a parameter and not a column, so that the number is looked up once.

function applyTime(condition: (entries: SQL, first: SQL) => SQL) {
  return ($wallet: PgSelectSingleStep, $connection: Connection, arg: FieldArg): void => {
    const $select = selectOf($connection);
    const walletId = $select.placeholder($wallet.get('id'));
    addCondition($select, arg, (entries, time) => condition(entries, firstFrom(walletId, time)));
  };
}

const applyFrom = applyTime((entries, first) => sql`${entries}.seq >= ${first}`);
const applyTo = applyTime((entries, first) => sql`${entries}.seq < coalesce(${first}, ${MAX_SEQ})`);

/** The number of the first entry at or after that time; null if there is none. */
function firstFrom(walletId: SQL, time: SQLRawValue): SQL {
  return sql`(select seq from ledger.wallet_history(${walletId}, from_time => ${sql.value(time)}::timestamptz) limit 1)`;
}

function selectOf($connection: Connection): PgSelectStep {
  return $connection.getSubplan() as unknown as PgSelectStep;
}

/** Whether a variable has a value is known only when the query runs. */
function addCondition($select: PgSelectStep, arg: FieldArg, condition: Condition): void {
  $select.apply(
    lambda(arg.getRaw(), (value: SQLRawValue | undefined) =>
      value === null || value === undefined
        ? null
        : (query: PgSelectQueryBuilder) => query.where(condition(query.alias, value)),
    ),
  );
}
