// One listener a signal, however many calls it ends: Node warns of a leak when
// a signal has more than ten, which a caller with many calls is entitled to.

interface Listening {
  listener: () => void;
  callbacks: Set<() => void>;
}

const listenings = new WeakMap<AbortSignal, Listening>();

function listen(signal: AbortSignal): Listening {
  const callbacks = new Set<() => void>();
  const listener = () => {
    listenings.delete(signal);
    for (const callback of callbacks) callback();
  };
  const listening = { listener, callbacks };
  listenings.set(signal, listening);
  signal.addEventListener('abort', listener, { once: true });
  return listening;
}

/** Calls back once when the signal is aborted. The result takes it back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const listening = listenings.get(signal) ?? listen(signal);
  listening.callbacks.add(callback);
  return () => {
    listening.callbacks.delete(callback);
    if (listening.callbacks.size > 0) return;
    signal.removeEventListener('abort', listening.listener);
    if (listenings.get(signal) === listening) listenings.delete(signal);
  };
}

/** What a promise becomes, or the signal's reason if that is earlier. */
export async function untilAborted<T>(signal: AbortSignal, value: Promise<T> | T): Promise<T> {
  if (signal.aborted) {
    // Whoever made it may have aborted the signal: nobody else looks at how it fails.
    Promise.resolve(value).catch(() => {});
    throw signal.reason;
  }
  let forget = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    forget = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    forget();
  }
}

/** What a stream is destroyed with when the signal was aborted: with null or the like it would only end. */
export function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  // Whatever else was given as a reason is passed on as it is.
  if (reason) return reason as Error;
  const error = new DOMException('This operation was aborted', 'AbortError');
  Object.defineProperty(error, 'cause', { value: reason });
  return error;
}
