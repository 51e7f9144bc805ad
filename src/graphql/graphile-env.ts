/** Grafast reads its mode when it is first imported, and its development mode is slow: this module must come before it. */
process.env.GRAPHILE_ENV ??= 'production';
