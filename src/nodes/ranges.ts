/** Where each wallet is now: the ranges of the file, which is read again when it changes, or when a database knows better. */
import { unwatchFile, watchFile } from 'node:fs';
import { describeError, log } from '../observability/log.ts';
import { rangeOf, readNodesFile, type NodesFile } from './file.ts';

const LOOK_EVERY_MS = 1_000;
/** The ledger's refusal of a wallet that another node has. */
const WRONG_NODE = 'WLNOD';

export class Ranges {
  readonly names: readonly string[];
  readonly #path: string;
  #ranges: readonly string[];
  readonly #look = (): void => this.#read();

  /** The nodes and their databases are those that the file has now; only ranges move. */
  constructor(path: string, { nodes, ranges }: NodesFile) {
    this.names = nodes.map(({ name }) => name);
    this.#path = path;
    this.#ranges = ranges;
    watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, this.#look);
  }

  nodeOf(walletId: string): string {
    return this.#ranges[rangeOf(walletId)] ?? '';
  }

  /** Runs `work` on the node of a wallet; once more where that has moved. */
  async withNode<T>(walletId: string, work: (node: string) => T | Promise<T>): Promise<T> {
    const asked = this.nodeOf(walletId);
    try {
      return await work(asked);
    } catch (error) {
      const { code, detail } = error as { code?: unknown; detail?: unknown };
      if (code !== WRONG_NODE) throw error;
      this.#read();
      const told = nodeIn(detail, walletId);
      const moved = this.nodeOf(walletId) === asked ? told : this.nodeOf(walletId);
      if (moved === asked || !this.names.includes(moved)) throw error;
      return work(moved);
    }
  }

  close(): void {
    unwatchFile(this.#path, this.#look);
  }

  #read(): void {
    try {
      const { ranges } = readNodesFile(this.#path);
      const unknown = ranges.find((name) => !this.names.includes(name));
      if (unknown !== undefined) throw new Error(`this process was started before there was a node ${unknown}`);
      this.#ranges = ranges;
    } catch (error) {
      log.error({ error: describeError(error) }, 'the ranges of the nodes stay as they were');
    }
  }
}

/** The node of that wallet: a refusal may be about another one of the call. */
function nodeIn(detail: unknown, walletId: string): string {
  try {
    const { wallet_id, node } = JSON.parse(String(detail)) as { wallet_id?: unknown; node?: unknown };
    return wallet_id === walletId ? String(node) : '';
  } catch {
    return '';
  }
}
