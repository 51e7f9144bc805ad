/** One process's share of a limit: the shares add up to the whole and differ by at most one. */
export function partOf(whole: number, count: number, place: number): number {
  return Math.floor(whole / count) + (place < whole % count ? 1 : 0);
}
