/** How a session of ours reads and writes values, and judges, whatever is set for its login or for the database. */

/** To be run in a new session. What only takes time is left to whoever runs the database. */
export const OUR_SETTINGS = `
set client_min_messages = 'notice';
set search_path = pg_catalog, pg_temp;
set datestyle = 'ISO, MDY';
set time zone 'UTC';
set timezone_abbreviations = 'Default';
set intervalstyle = 'postgres';
set extra_float_digits = 1;
set bytea_output = 'hex';
set xmlbinary = 'base64';
set array_nulls = on;
set standard_conforming_strings = on;
set transform_null_equals = off;
set quote_all_identifiers = off;
set row_security = on;
set default_transaction_isolation = 'read committed';
set default_transaction_deferrable = off;
set exit_on_error = off;
set plpgsql.extra_errors = 'none'`;
