/** Limits a wait that has no limit of its own, such as for an answer over a lost connection. */

/** The work may or may not have been done. errors.ts translates the code. */
class NoAnswer extends Error {
  override name = 'NoAnswer';
  readonly code = 'CONNECTION_LOST';

  constructor() {
    super('no answer in time');
  }
}

export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new NoAnswer());
  }, limitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
