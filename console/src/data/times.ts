/** Times as the reader's zone has them. */

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const UTC = new Intl.DateTimeFormat('sv-SE', { timeZone: 'UTC', dateStyle: 'short', timeStyle: 'medium' });

export function shownTime(at: string): string {
  return DAY_AND_TIME.format(new Date(at));
}

export function shownDay(at: string): string {
  return DAY.format(new Date(at));
}

export function inUtc(at: string): string {
  return `${UTC.format(new Date(at))} UTC`;
}

/** The first instant of a day that an input of the type `date` names, in the reader's zone. */
export function startOfDay(day: string): string | undefined {
  return instantOf(day, 0);
}

/** The instant at which that day is over. */
export function endOfDay(day: string): string | undefined {
  return instantOf(day, 1);
}

function instantOf(day: string, later: number): string | undefined {
  const [, year, month, date] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day) ?? [];
  if (date === undefined) return undefined;
  return new Date(Number(year), Number(month) - 1, Number(date) + later).toISOString();
}
