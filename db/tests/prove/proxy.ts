/** Stands between a client and a server, and cuts a connection at the point it was told to. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Protocol, UnitKind } from './protocol.ts';

/** Where a connection breaks, seen from what the client sends and what it waits for. */
export const POINTS = [
  'before it is sent',
  'half sent',
  'sent',
  'before its answer',
  'in the midst of its answer',
] as const;
export type Point = (typeof POINTS)[number];

export interface Cut {
  unit: Exclude<UnitKind, 'other'> | 'connect';
  point: Point;
  /** Which part of what is cut in two gets through. */
  part: number;
}

export class Proxy {
  readonly #onCut: (cut: Cut) => void;
  readonly #server: Server;
  readonly #target: () => number | undefined;
  readonly #newProtocol: () => Protocol;
  readonly #armed: Cut[] = [];
  readonly #sockets = new Set<Socket>();

  /** `target` is asked for each connection: servers come and go. `onCut` hears of each cut that is made. */
  constructor(target: () => number | undefined, newProtocol: () => Protocol, onCut: (cut: Cut) => void) {
    this.#target = target;
    this.#newProtocol = newProtocol;
    this.#onCut = onCut;
    this.#server = createServer((client) => {
      this.#serve(client);
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection that comes to this point is cut there. */
  arm(cut: Cut): void {
    this.#armed.push(cut);
  }

  get armed(): number {
    return this.#armed.length;
  }

  disarm(): void {
    this.#armed.length = 0;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(client: Socket): void {
    const port = this.#target();
    if (port === undefined || this.#take('connect')) {
      client.destroy();
      return;
    }
    const server = connect({ port, host: '127.0.0.1', noDelay: true });
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.setNoDelay(true);
    const protocol = this.#newProtocol();
    let cut: Cut | undefined;
    let answer = Buffer.alloc(0);

    client.on('data', (chunk: Buffer) => {
      for (const { kind, bytes } of protocol.read(chunk)) {
        if (cut) return;
        cut = kind === 'other' ? undefined : this.#take(kind);
        if (!cut || isInAnswer(cut)) server.write(bytes);
        // What was written goes out; behind it the server finds the end of the connection.
        else server.end(bytes.subarray(0, lengthSent(cut, bytes)), () => client.destroy());
      }
    });
    server.on('data', (chunk: Buffer) => {
      if (!cut) {
        client.write(chunk);
        return;
      }
      if (!isInAnswer(cut)) return;
      answer = Buffer.concat([answer, chunk]);
      const length = protocol.answerLength(answer);
      if (length === undefined) return;
      const through = cut.point === 'before its answer' ? 0 : Math.floor((length - 1) * cut.part);
      client.end(answer.subarray(0, through), () => server.destroy());
    });
  }

  #take(unit: Cut['unit']): Cut | undefined {
    const place = this.#armed.findIndex((cut) => cut.unit === unit);
    if (place < 0) return undefined;
    const [cut] = this.#armed.splice(place, 1);
    if (cut) this.#onCut(cut);
    return cut;
  }
}

function isInAnswer({ point }: Cut): boolean {
  return point === 'before its answer' || point === 'in the midst of its answer';
}

function lengthSent({ point, part }: Cut, { length }: Buffer): number {
  if (point === 'sent') return length;
  return point === 'half sent' ? Math.floor((length - 1) * part) : 0;
}
