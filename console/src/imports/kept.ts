/**
 * Files that are being imported, kept by the browser until they are removed: what was sent of each, and what came of it. So a reload, a crash
 * or a session that ends loses nothing, and what was sent without an answer is asked again by its keys.
 */
import type { Outcome } from './post.ts';

export interface KeptFile {
  /** Whoever chose it: nobody else is shown it. */
  who: string;
  /** The digest of the text. */
  id: string;
  name: string;
  text: string;
  /** When it was chosen. */
  at: string;
  opensMissing: boolean;
}

/** `outcomes`: by line; null where the part was sent and no answer has been seen. */
export interface KeptPart {
  who: string;
  id: string;
  part: number;
  outcomes: [line: number, outcome: Outcome][] | null;
}

const FILES = 'files';
const PARTS = 'parts';

export const keepFile = (file: KeptFile): Promise<unknown> => inStore(FILES, 'readwrite', (store) => store.put(file));
export const keepPart = (part: KeptPart): Promise<unknown> => inStore(PARTS, 'readwrite', (store) => store.put(part));

export const keptFile = (who: string, id: string): Promise<KeptFile | undefined> =>
  inStore(FILES, 'readonly', (store) => store.get([who, id]) as IDBRequest<KeptFile | undefined>);

export async function keptFiles(who: string): Promise<KeptFile[]> {
  const files = await inStore(FILES, 'readonly', (store) => store.getAll(all(who)) as IDBRequest<KeptFile[]>);
  return files.sort((one, other) => other.at.localeCompare(one.at));
}

export const keptParts = (who: string, id: string): Promise<KeptPart[]> =>
  inStore(PARTS, 'readonly', (store) => store.getAll(all(who, id)) as IDBRequest<KeptPart[]>);

export async function dropFile(who: string, id: string): Promise<void> {
  await inStore(PARTS, 'readwrite', (store) => store.delete(all(who, id)));
  await inStore(FILES, 'readwrite', (store) => store.delete([who, id]));
}

/** All keys that begin so: an array is above every text. */
function all(...start: string[]): IDBKeyRange {
  return IDBKeyRange.bound(start, [...start, []]);
}

let opened: Promise<IDBDatabase> | undefined;

async function inStore<T>(
  name: string,
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  opened ??= open();
  const request = ask((await opened).transaction(name, mode).objectStore(name));
  return answerOf(request);
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open('wallet.imports', 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(FILES, { keyPath: ['who', 'id'] });
    request.result.createObjectStore(PARTS, { keyPath: ['who', 'id', 'part'] });
  };
  return answerOf(request);
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser does not keep files here'));
  });
}
