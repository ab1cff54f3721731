// What would conflict with its like takes turns: what is made from a state that
// somebody else changes meanwhile would be refused.
import { AsyncLocalStorage } from 'node:async_hooks';

import { untilAborted } from './abort.js';

/** What turns are for: a name, or an object that has its own. */
type Subject = string | object;

interface Turn {
  subject: Subject;
  outer: Turn | undefined;
  /** What was begun in it and goes on has to wait again. */
  over: boolean;
}

const turns = new Map<Subject, Promise<unknown>>();
const current = new AsyncLocalStorage<Turn>();

function isInTurn(subject: Subject): boolean {
  for (let turn = current.getStore(); turn; turn = turn.outer)
    if (turn.subject === subject && !turn.over) return true;
  return false;
}

/**
 * Runs `work` after all that was begun for the same subject before. What `work` itself calls (a signer, say, or a
 * generator) is a part of its turn, for which it would wait for ever.
 */
export async function inTurn<T>(subject: Subject, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (isInTurn(subject)) return await work();
  let end = () => {};
  const mine = new Promise<void>((resolve) => {
    end = resolve;
  });
  const before = turns.get(subject);
  const both = Promise.all([before, mine]);
  turns.set(subject, both);
  const turn: Turn = { subject, outer: current.getStore(), over: false };
  try {
    await untilAborted(signal, before);
    return await current.run(turn, work);
  } finally {
    turn.over = true;
    end();
    if (turns.get(subject) === both) turns.delete(subject);
  }
}
