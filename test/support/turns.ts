// Whether the event loop goes on meanwhile: by its turns, which a busy machine makes slower but not fewer.

/** The turns of the event loop while `body` runs, and its result. */
export async function countTurns<T>(body: () => Promise<T>): Promise<{ turns: number; result: T }> {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  try {
    const result = await body();
    return { turns, result };
  } finally {
    clearImmediate(next);
  }
}
