/** Counts what happened, and what should not have. */

type Table = 'operations' | 'resolved' | 'faults' | 'cuts' | 'checks';

const SHOWN = 20;

export class Tally {
  lost = 0;
  duplicated = 0;
  findings = 0;
  /** The first of them, in words. */
  readonly words: string[] = [];
  readonly #counts = new Map<Table, Map<string, number>>();

  count(table: Table, name: string, by = 1): void {
    const counts = this.#counts.get(table) ?? new Map<string, number>();
    this.#counts.set(table, counts);
    counts.set(name, (counts.get(name) ?? 0) + by);
  }

  of(table: Table): [name: string, count: number][] {
    return [...(this.#counts.get(table) ?? [])].sort(([a], [b]) => a.localeCompare(b));
  }

  sum(table: Table): number {
    return this.of(table).reduce((sum, [, count]) => sum + count, 0);
  }

  /** An acknowledged posting that the ledger does not have. */
  lose(text: string): void {
    this.lost += 1;
    this.#say(`lost: ${text}`);
  }

  duplicate(text: string): void {
    this.duplicated += 1;
    this.#say(`duplicated: ${text}`);
  }

  find(text: string): void {
    this.findings += 1;
    this.#say(`finding: ${text}`);
  }

  /** For who waits for the end. */
  get summary(): string {
    const wrong = this.lost + this.duplicated + this.findings;
    return `${this.sum('operations')} answers, ${this.sum('faults')} faults, ${this.sum('cuts')} cuts, ${wrong} findings`;
  }

  get isClean(): boolean {
    return this.lost + this.duplicated + this.findings === 0;
  }

  #say(text: string): void {
    if (this.words.length < SHOWN) this.words.push(text);
  }
}
