/** Settings of a session that have changed, or could change, what functions write and answer. */
import type { Database, Session } from '../helpers.ts';

export type Settings = Readonly<Record<string, string>>;

export interface Profile {
  name: string;
  settings: Settings;
}

/** How timestamps are written and read. In all but ISO, the zone is an abbreviation. */
const STYLES = ['SQL, DMY', 'Postgres, MDY', 'German, DMY'];
/** The abbreviation says the opposite of what each means. */
const ZONES = ['<+03>3', '<+0530>5:30', '<-14>-14'];

const DATES: Profile[] = [
  { name: 'dates as ISO, YMD in <+03>3', settings: { DateStyle: 'ISO, YMD', TimeZone: '<+03>3' } },
  ...STYLES.flatMap((style) =>
    ZONES.map((zone) => ({ name: `dates as ${style} in ${zone}`, settings: { DateStyle: style, TimeZone: zone } })),
  ),
];

const TEXTS: Settings = {
  TimeZone: 'America/St_Johns',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  IntervalStyle: 'sql_standard',
  timezone_abbreviations: 'India',
  xmlbinary: 'hex',
  xmloption: 'document',
  quote_all_identifiers: 'on',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  default_text_search_config: 'pg_catalog.german',
  client_min_messages: 'error',
};

const off = (...names: string[]): Settings => Object.fromEntries(names.map((name) => [`enable_${name}`, 'off']));

/** Each leaves the planner with what it would not choose. */
const PLANS: Profile[] = [
  {
    name: 'plans without indexes',
    settings: {
      ...off('indexscan', 'indexonlyscan', 'bitmapscan', 'nestloop', 'hashagg', 'memoize', 'presorted_aggregate'),
      plan_cache_mode: 'force_custom_plan',
      work_mem: '64kB',
    },
  },
  {
    name: 'plans without hashes and sorts, in the order of the query',
    settings: {
      ...off('seqscan', 'hashjoin', 'mergejoin', 'sort', 'incremental_sort', 'material', 'tidscan'),
      plan_cache_mode: 'force_generic_plan',
      join_collapse_limit: '1',
      from_collapse_limit: '1',
      debug_parallel_query: 'on',
      min_parallel_table_scan_size: '0',
      parallel_setup_cost: '0',
    },
  },
  {
    name: 'plans by chance, compiled',
    settings: { geqo_threshold: '2', geqo_seed: '0.7', jit: 'on', jit_above_cost: '0', cursor_tuple_fraction: '1' },
  },
];

const REST: Profile[] = [
  { name: 'values as other text', settings: TEXTS },
  {
    name: 'literals read otherwise',
    settings: {
      standard_conforming_strings: 'off',
      escape_string_warning: 'on',
      backslash_quote: 'on',
      array_nulls: 'off',
      transform_null_equals: 'on',
      client_encoding: 'LATIN1',
    },
  },
  {
    name: 'serializable transactions and limits',
    settings: {
      default_transaction_isolation: 'serializable',
      default_transaction_deferrable: 'on',
      statement_timeout: '10min',
      lock_timeout: '9min',
      transaction_timeout: '20min',
      idle_in_transaction_session_timeout: '10min',
      synchronous_commit: 'off',
    },
  },
  { name: 'repeatable read', settings: { default_transaction_isolation: 'repeatable read' } },
  {
    name: 'a strict PL/pgSQL',
    settings: {
      'plpgsql.extra_errors': 'all',
      'plpgsql.extra_warnings': 'all',
      'plpgsql.print_strict_params': 'on',
      check_function_bodies: 'off',
    },
  },
  { name: 'the guard that stands open', settings: { 'ledger.posting': 'on' } },
  { name: 'a search_path with nothing', settings: { search_path: 'pg_temp' } },
];

/** Under these every function writes and answers what it does by default. */
export const PROFILES: Profile[] = [
  ...DATES,
  ...PLANS,
  ...REST,
  { name: 'a search_path through shadows', settings: { search_path: 'hostile, pg_temp, pg_catalog' } },
];

/** Dates and texts at once, for tests that take longer, and whose own statements have to work in such a session. */
export const LONG_PROFILES: Profile[] = [
  {
    name: 'dates as German in <+03>3, values as other text',
    settings: { ...TEXTS, DateStyle: 'German, DMY', TimeZone: '<+03>3' },
  },
  {
    name: 'dates as SQL in <-14>-14, serializable, plans without indexes',
    settings: {
      ...PLANS[0]?.settings,
      DateStyle: 'SQL, DMY',
      TimeZone: '<-14>-14',
      default_transaction_isolation: 'serializable',
      search_path: 'pg_temp',
    },
  },
  {
    name: 'dates as Postgres in <+0530>5:30, plans without hashes and sorts',
    settings: {
      ...PLANS[1]?.settings,
      // A process for each query takes too long here.
      debug_parallel_query: 'off',
      DateStyle: 'Postgres, MDY',
      TimeZone: '<+0530>5:30',
    },
  },
];

/** For as long as the session lasts. No operator of the path that may be set is used for it. */
export async function apply(session: Session, settings: Settings): Promise<void> {
  const calls = Object.keys(settings).map(
    (_, index) => `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, false)`,
  );
  if (calls.length > 0) await session.query(`select ${calls.join(', ')}`, Object.entries(settings).flat());
}

/** For every session of the database, or of a login there, that is opened from now on. */
export async function applyToAll(db: Database, settings: Settings, login?: string): Promise<void> {
  const client = await db.connect();
  await apply(client, settings);
  const whose = login === undefined ? `database ${db.name}` : `role ${login} in database ${db.name}`;
  for (const name of Object.keys(settings)) await client.query(`alter ${whose} set ${name} from current`);
}
