/** The databases that wallets are spread over, where there are several: what the gateway needs to know of them. */
import type { RequestHandler } from 'express';
import type { Database } from '../database/database.ts';
import type { Reads } from '../database/reads.ts';
import type { CreateContext } from './context.ts';

export interface Node {
  database: Database;
  reads: Reads | undefined;
}

export interface Nodes {
  readonly all: readonly Node[];
  /** One of them, for what is the same on all. */
  readonly first: Node;
  /** What answers requests, each on the nodes of its wallets; `on` answers on one node. */
  createContext(on: (node: Node) => CreateContext): CreateContext;
  /** Come before what answers a document as a whole. */
  readonly plugins: readonly GraphileConfig.Plugin[];
  /** Refuses requests that name a node which there is not. */
  readonly check: RequestHandler;
  /** Sends each download to the node of its wallet. */
  download(on: (node: Node) => RequestHandler): RequestHandler;
  close(): Promise<void>;
}
