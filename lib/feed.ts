// Streams of JavaScript that an operation reads: tar archives to commit.
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import type { Channel, CommitSourceSpec, CommitSpec } from '../typings/addon.js';
import { onAbort } from './abort.js';
import type { CallOptions } from './call.js';
import { checkSignal, typeError } from './check.js';
import { native } from './native.js';

interface Input {
  from: Readable | Uint8Array;
  name: string;
}

/** What each source of a tree is to be fed with. */
const inputs = new WeakMap<CommitSourceSpec, Input>();

/** `name` is what the argument is called in errors. */
export function fedWith(
  source: CommitSourceSpec,
  from: Readable | Uint8Array,
  name: string,
): CommitSourceSpec {
  inputs.set(source, { from, name });
  return source;
}

/** Until more can be written, or nothing any more. */
async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      socket.off('drain', end).off('close', end);
      resolve();
    };
    socket.on('drain', end).on('close', end);
  });
}

/** Calls `fail` with what is wrong with the input; whoever reads from the socket knows all else. */
async function feed(
  { from, name }: Input,
  socket: Socket,
  channel: Channel,
  fail: (error: unknown) => void,
): Promise<void> {
  const readable = from instanceof Uint8Array ? Readable.from([from]) : from;
  socket.once('close', () => readable.destroy());
  try {
    for await (const chunk of readable) {
      if (!(chunk instanceof Uint8Array)) throw typeError(name, 'a stream of Buffers', chunk);
      if (!socket.write(chunk)) await drained(socket);
      if (socket.destroyed) return;
    }
  } catch (error) {
    if (!socket.destroyed) fail(error);
    return;
  }
  // Without this word its end would be that of a stream that broke off.
  native().channelFinish(channel);
  socket.end();
}

/** Runs `start` while its sources are fed. A stream that fails cancels it, and is what it rejects with. */
export async function whileFeeding<T, O extends CallOptions>(
  spec: CommitSpec,
  options: O,
  start: (options: O) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const controller = new AbortController();
  const sockets: Socket[] = [];
  const feeding: Promise<void>[] = [];
  let forget = () => {};
  try {
    for (const source of spec.tree) {
      const input = inputs.get(source);
      if (!input) continue;
      checkSignal(signal);
      signal?.throwIfAborted();
      const { channel, fd } = native().channelNew();
      const socket = new Socket({ fd, readable: false, writable: true });
      socket.on('error', () => {}); // the reader has gone: it says why
      sockets.push(socket);
      source.stream = channel;
      feeding.push(feed(input, socket, channel, (error) => controller.abort(error)));
    }
    if (sockets.length === 0) return await start(options);
    signal?.throwIfAborted(); // by what a stream does when it is first read from
    if (signal) forget = onAbort(signal, () => controller.abort(signal.reason));
    return await start({ ...options, signal: controller.signal });
  } catch (error) {
    // The socket may have told of the end of a stream before the stream told why.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    forget();
    for (const socket of sockets) socket.destroy();
    await Promise.all(feeding);
  }
}
