/** Days in the reader's zone. */
import type { ActivityRow } from '../data/queries.ts';

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `2026-11-30`, as the reader's calendar has it. */
export function dayOf(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function daysBefore(day: string, days: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return dayOf(new Date(year, month - 1, date - days));
}

/** All days from one to another, both included; no more than a year of them. */
export function daysOf(from: string, to: string): string[] {
  const days: string[] = [];
  for (let day = from; day <= to && days.length < 366; day = daysBefore(day, -1)) days.push(day);
  return days;
}

export interface DayOfActivity {
  sold: bigint;
  given: bigint;
  spent: bigint;
  expired: bigint;
  movements: bigint;
}

export const NOTHING: DayOfActivity = { sold: 0n, given: 0n, spent: 0n, expired: 0n, movements: 0n };

const HOUSE: Partial<Record<string, Exclude<keyof DayOfActivity, 'movements'>>> = {
  treasury: 'sold',
  promotions: 'given',
  revenue: 'spent',
  breakage: 'expired',
};

/** What was sold, given away, spent and expired, less what was taken back of it: by the accounts that the movements name. */
export function summedByDay(rows: readonly ActivityRow[]): Map<string, DayOfActivity> {
  const days = new Map<string, DayOfActivity>();
  for (const { fromTime, debit, credit, amount, movements } of rows) {
    const day = dayOf(new Date(fromTime));
    const sum = days.get(day) ?? { sold: 0n, given: 0n, spent: 0n, expired: 0n, movements: 0n };
    const [from, to] = [HOUSE[debit], HOUSE[credit]];
    // Sold and given are on the debit side, spent and expired on the credit side; a reversal has the other.
    if (from !== undefined) sum[from] += ['sold', 'given'].includes(from) ? BigInt(amount) : -BigInt(amount);
    if (to !== undefined) sum[to] += ['spent', 'expired'].includes(to) ? BigInt(amount) : -BigInt(amount);
    sum.movements += BigInt(movements);
    days.set(day, sum);
  }
  return days;
}

/** The newest month that is over, by the calendar of the zone in which months are counted. */
export function lastMonth(now: Date, isUtc: boolean): string {
  const today = isUtc ? now.toISOString() : dayOf(now);
  const [year = 0, number = 1] = today.split('-').map(Number);
  return dayOf(new Date(year, number - 2, 1)).slice(0, 7);
}

/** The first instant of a month, and the first one after it: in the reader's zone, or in UTC. */
export function monthOf(month: string, isUtc: boolean): [start: string, end: string] {
  const [year = 0, number = 1] = month.split('-').map(Number);
  const first = (place: number): string =>
    (isUtc ? new Date(Date.UTC(year, place, 1)) : new Date(year, place, 1)).toISOString();
  return [first(number - 1), first(number)];
}
