// `skip` as a function: answers what a commit asks of it.
import { Socket } from 'node:net';

import type { CommitSpec } from '../typings/addon.js';
import { onAbort } from './abort.js';
import type { CallOptions } from './call.js';
import { checkSignal, typeError } from './check.js';
import { native } from './native.js';

/** What is known of a file before it is committed, as its source has it; or before it is checked out, as the commit has it. */
export interface SkipStat {
  type: 'file' | 'directory' | 'symlink' | 'other';
  /** A whole st_mode, with the type. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes; 0 for what is no regular file. */
  size: number;
}

/** Whether to leave out what goes to `path` in the new tree, or below the destination. It is asked of everything but the root, parents first. */
export type SkipPredicate = (path: string, stat: SkipStat) => boolean;

/** What a predicate says of one path. */
export function asked(predicate: SkipPredicate, path: string, stat: SkipStat): boolean {
  const answer: unknown = predicate(path, stat);
  // A promise would be as good as true.
  if (typeof answer !== 'boolean') throw typeError('The result of options.skip', 'a boolean', answer);
  return answer;
}

const TYPES: Partial<Record<number, SkipStat['type']>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
};
const LENGTH = 4;
/** Of one question: mode, uid, gid, size, length of the path. src-native/repo/skip_questions.cc writes it. */
const FIXED = 4 + 4 + 4 + 8 + 4;

/** One byte for each question of a message. */
function answers(message: Buffer, predicate: SkipPredicate): Buffer {
  const result: number[] = [];
  for (let at = 0; at < message.length;) {
    const mode = message.readUInt32LE(at);
    const length = message.readUInt32LE(at + FIXED - LENGTH);
    const path = message.toString('utf8', at + FIXED, at + FIXED + length);
    const answer = asked(predicate, path, {
      type: TYPES[mode & 0o170000] ?? 'other',
      mode,
      uid: message.readUInt32LE(at + 4),
      gid: message.readUInt32LE(at + 8),
      size: Number(message.readBigUInt64LE(at + 12)),
    });
    result.push(answer ? 1 : 0);
    at += FIXED + length;
  }
  return Buffer.from(result);
}

/** Runs `start` while its questions are answered. A predicate that throws cancels it, and is what it rejects with. */
export async function whileAnswering<T, O extends CallOptions>(
  spec: CommitSpec,
  predicate: unknown,
  options: O,
  start: (options: O) => Promise<T>,
): Promise<T> {
  if (typeof predicate !== 'function') return await start(options);
  const { signal } = options;
  checkSignal(signal);
  signal?.throwIfAborted();
  const controller = new AbortController();
  const { channel, fd } = native().channelNew();
  spec.askSkips = channel;
  const socket = new Socket({ fd, readable: true, writable: true });
  let pending = Buffer.alloc(0);
  socket.on('error', () => {}); // the other side has gone: it says why
  socket.on('data', (chunk: Buffer) => {
    if (controller.signal.aborted) return;
    pending = Buffer.concat([pending, chunk]);
    if (pending.length < LENGTH || pending.length < LENGTH + pending.readUInt32LE(0)) return;
    try {
      socket.write(answers(pending.subarray(LENGTH), predicate as SkipPredicate));
    } catch (error) {
      controller.abort(error);
    }
    pending = Buffer.alloc(0); // the next message comes after the answer
  });
  const forget = signal && onAbort(signal, () => controller.abort(signal.reason));
  try {
    return await start({ ...options, signal: controller.signal });
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    forget?.();
    socket.destroy();
  }
}
