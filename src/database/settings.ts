/** Settings that change how PostgreSQL reads, writes or judges values: the login's or the database's own must not apply. */

/**
 * Set once per session; through a pooler in transaction mode, once per transaction. Settings that only affect speed are left to the
 * administrator.
 */
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

export function setAll(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`);
  return `select ${calls.join(', ')}`;
}
