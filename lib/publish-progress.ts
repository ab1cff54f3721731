// How far a publish is, told now and then.
import type { ProgressOptions } from './call.js';

/** How far a publish is. Sizes in bytes, as things are stored. */
export interface PublishProgress {
  /** What it does now. `scanning`: it finds out what there is, and what is missing. */
  phase: 'scanning' | 'objects' | 'deltas' | 'refs' | 'summary' | 'pruning' | 'done';
  /** Objects sent so far, of those that are missing. */
  objects: number;
  totalObjects: number;
  /** Of objects and deltas. */
  bytes: number;
  /** Of the objects that are missing; with deltas, once it comes to them. */
  totalBytes: number;
}

const INTERVAL = 100;

export class Reporter {
  readonly #onProgress: ProgressOptions<PublishProgress>['onProgress'];
  readonly #state: PublishProgress = {
    phase: 'scanning',
    objects: 0,
    totalObjects: 0,
    bytes: 0,
    totalBytes: 0,
  };
  #last = 0;

  constructor(onProgress: ProgressOptions<PublishProgress>['onProgress']) {
    this.#onProgress = onProgress;
  }

  get state(): Readonly<PublishProgress> {
    return this.#state;
  }

  phase(phase: PublishProgress['phase']): void {
    this.#state.phase = phase;
    this.#tell();
  }

  /** More is known to be sent. */
  expect(objects: number, bytes: number): void {
    this.#state.totalObjects += objects;
    this.#state.totalBytes += bytes;
    this.#tellInTime();
  }

  sent(objects: number, bytes: number): void {
    this.#state.objects += objects;
    this.#state.bytes += bytes;
    this.#tellInTime();
  }

  #tellInTime(): void {
    if (performance.now() - this.#last >= INTERVAL) this.#tell();
  }

  #tell(): void {
    this.#last = performance.now();
    this.#onProgress?.({ ...this.#state });
  }
}
