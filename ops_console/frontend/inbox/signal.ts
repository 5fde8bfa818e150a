// Telling whoever wants to know.

export interface Signal<T> {
  tell(value: T): void;
  listen(listener: (value: T) => void): void;
}

export function signal<T>(): Signal<T> {
  const listeners: ((value: T) => void)[] = [];
  return {
    tell: (value) => listeners.forEach((listener) => listener(value)),
    listen: (listener) => void listeners.push(listener),
  };
}
