// What would conflict with its like takes turns: what is made from a state that
// somebody else changes meanwhile would be refused.
import { untilAborted } from './abort.js';

const turns = new Map<string, Promise<unknown>>();

/** Runs `work` after all that was begun under the same name before. */
export async function inTurn<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let end = () => {};
  const mine = new Promise<void>((resolve) => {
    end = resolve;
  });
  const before = turns.get(name);
  const turn = Promise.all([before, mine]);
  turns.set(name, turn);
  try {
    await untilAborted(signal, before);
    return await work();
  } finally {
    end();
    if (turns.get(name) === turn) turns.delete(name);
  }
}
