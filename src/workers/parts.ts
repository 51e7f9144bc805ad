/** What one of several processes has of what is set for all: together it is the whole, and the parts differ by one at most. */
export function partOf(whole: number, count: number, place: number): number {
  return Math.floor(whole / count) + (place < whole % count ? 1 : 0);
}
