// IndexedDB with promises: what this browser keeps of members.

import { DATABASES } from "../../access/static/access/sharing.js";

export const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Open a database, made at the first time. */
export async function opened(name: string, make: (made: IDBDatabase) => void): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASES + name, 1);
  request.onupgradeneeded = () => make(request.result);
  const database = await result(request);
  // Another tab signs out: nothing may be in the way of forgetting.
  database.onversionchange = () => database.close();
  return database;
}

/** Stores of one transaction, by their names, and its end. */
export function stores<Name extends string>(database: IDBDatabase, mode: IDBTransactionMode, ...names: Name[]) {
  const transaction = database.transaction(names, mode);
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
  // Nobody may be waiting for it.
  done.catch(() => {});
  const found = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
  return { ...(found as Record<Name, IDBObjectStore>), done, transaction };
}
