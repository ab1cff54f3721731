// A store that is tried again when it fails for a reason that may pass.
import type { Store, Upload } from './publish-store.js';
import type { PublishRules } from './publish-types.js';
import { retrying } from './retry.js';

export interface FallibleStore extends Store {
  /** Whether another try may fare better. */
  mayHelp(error: unknown): boolean;
}

export class RetryingStore implements Store {
  readonly #store: FallibleStore;
  readonly #retries: number;

  constructor(store: FallibleStore, { retries }: PublishRules) {
    this.#store = store;
    this.#retries = retries;
  }

  get name(): string {
    return this.#store.name;
  }

  get local(): boolean {
    return this.#store.local;
  }

  #retry<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const mayHelp = (error: unknown) => this.#store.mayHelp(error);
    return retrying({ retries: this.#retries, signal, mayHelp }, body);
  }

  prepare(signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#store.prepare(signal));
  }

  size(path: string, signal: AbortSignal): Promise<number | null> {
    return this.#retry(signal, () => this.#store.size(path, signal));
  }

  read(path: string, signal: AbortSignal): Promise<Buffer | null> {
    return this.#retry(signal, () => this.#store.read(path, signal));
  }

  put(upload: Upload, signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#store.put(upload, signal));
  }

  putTogether(uploads: Upload[], signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#store.putTogether(uploads, signal));
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#store.flush(signal));
  }

  remove(path: string, signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#store.remove(path, signal));
  }

  list(directory: string, signal: AbortSignal): Promise<string[]> {
    return this.#retry(signal, () => this.#store.list(directory, signal));
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
