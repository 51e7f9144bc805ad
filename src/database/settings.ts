/** How a session of ours reads and writes values, and judges, whatever is set for its login or for the database. */

/** For each new session; behind a pooler that shares sessions, for each transaction. What only takes time is left to whoever runs the database. */
export const OUR_SETTINGS: Readonly<Record<string, string>> = {
  client_min_messages: 'notice',
  search_path: 'pg_catalog, pg_temp',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  timezone_abbreviations: 'Default',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  row_security: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  exit_on_error: 'off',
  'plpgsql.extra_errors': 'none',
};

/** The statement that sets all of them for the session. */
export function setAll(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`);
  return `select ${calls.join(', ')}`;
}
