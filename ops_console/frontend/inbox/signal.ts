// Telling whoever wants to know.

export interface Signal<T> {
  tell(value: T): void;
  /** Returns how to listen no more. */
  listen(listener: (value: T) => void): () => void;
}

export function signal<T>(): Signal<T> {
  const listeners = new Set<(value: T) => void>();
  return {
    tell: (value) => listeners.forEach((listener) => listener(value)),
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
