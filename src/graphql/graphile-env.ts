/** Grafast reads this variable when it is first imported, and its development mode is slow. Import this module first. */
process.env.GRAPHILE_ENV ??= 'production';
