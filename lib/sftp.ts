// The SFTP protocol, version 3, as OpenSSH speaks it: many requests at once over one pair of pipes.
import type { Readable, Writable } from 'node:stream';

import { OstreeError, type OstreeErrorCode } from './errors.js';

const INIT = 1;
const VERSION = 2;
const OPEN = 3;
const CLOSE = 4;
const READ = 5;
const WRITE = 6;
const OPENDIR = 11;
const READDIR = 12;
const REMOVE = 13;
const MKDIR = 14;
const STAT = 17;
const STATUS = 101;
const HANDLE = 102;
const DATA = 103;
const NAME = 104;
const ATTRS = 105;
const EXTENDED = 200;

const OK = 0;
const END = 1;
const NO_SUCH_FILE = 2;
const CODES: Partial<Record<number, OstreeErrorCode>> = {
  2: 'NOT_FOUND',
  3: 'PERMISSION_DENIED',
  8: 'NOT_SUPPORTED',
};

const FOR_READING = 1;
const FOR_NEW = 2 | 8 | 32; // write, create, only if it is not there
const RENAME = 'posix-rename@openssh.com';
const FLUSH = 'fsync@openssh.com';

/** Of a packet. Servers send at most 256 KiB. */
const MAX_PACKET = 1 << 20;
const CHUNK = 32 << 10;

export interface SftpAttributes {
  size: number;
  isDirectory: boolean;
  /** Seconds since 1970. */
  modified: number;
}

/** Writes what packets consist of. */
class Packet {
  readonly #parts: Buffer[] = [];

  uint32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32BE(value);
    this.#parts.push(part);
    return this;
  }

  uint64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64BE(BigInt(value));
    this.#parts.push(part);
    return this;
  }

  string(value: string | Uint8Array): this {
    const data = typeof value === 'string' ? Buffer.from(value) : value;
    this.uint32(data.length).#parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return this;
  }

  toBuffer(type: number): Buffer {
    const body = Buffer.concat(this.#parts);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length + 1);
    head[4] = type;
    return Buffer.concat([head, body]);
  }
}

function malformed(): OstreeError {
  return new OstreeError('NETWORK', 'The SFTP server sent a packet that is shorter than it says');
}

/** Reads them. What is too short is NETWORK. */
class Answer {
  readonly type: number;
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.type = data.readUInt8(0);
    this.#data = data;
    this.#at = 1;
  }

  get atEnd(): boolean {
    return this.#at >= this.#data.length;
  }

  uint32(): number {
    this.#at += 4;
    if (this.#at > this.#data.length) throw malformed();
    return this.#data.readUInt32BE(this.#at - 4);
  }

  uint64(): number {
    this.#at += 8;
    if (this.#at > this.#data.length) throw malformed();
    return Number(this.#data.readBigUInt64BE(this.#at - 8));
  }

  bytes(): Buffer {
    const size = this.uint32();
    if (this.#at + size > this.#data.length) throw malformed();
    this.#at += size;
    return this.#data.subarray(this.#at - size, this.#at);
  }

  attributes(): SftpAttributes {
    const flags = this.uint32();
    const size = flags & 1 ? this.uint64() : 0;
    if (flags & 2) this.#at += 8;
    const mode = flags & 4 ? this.uint32() : 0;
    let modified = 0;
    if (flags & 8) {
      this.uint32();
      modified = this.uint32();
    }
    if (flags & 0x80000000)
      for (let count = this.uint32(); count > 0; count--) for (let i = 0; i < 2; i++) this.bytes();
    return { size, isDirectory: (mode & 0o170000) === 0o040000, modified };
  }
}

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

export class Sftp {
  readonly #output: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly #extensions = new Set<string>();
  #next = 1;
  #rest: Buffer = Buffer.alloc(0);
  #ready: Waiting | undefined;
  #failure: { error: unknown } | undefined;

  private constructor(output: Writable) {
    this.#output = output;
  }

  /** Greets the server at the other end of these pipes. */
  static async connect(input: Readable, output: Writable): Promise<Sftp> {
    const sftp = new Sftp(output);
    const greeted = new Promise<Answer>((resolve, reject) => {
      sftp.#ready = { resolve, reject };
    });
    input.on('data', (chunk: Buffer) => sftp.#take(chunk));
    output.on('error', (error) =>
      sftp.fail(new OstreeError('NETWORK', `The SFTP server has gone: ${error.message}`, { cause: error })),
    );
    output.write(new Packet().uint32(3).toBuffer(INIT));
    const answer = await greeted;
    if (answer.type !== VERSION) throw new OstreeError('NETWORK', 'This is no SFTP server');
    answer.uint32();
    while (!answer.atEnd) {
      sftp.#extensions.add(answer.bytes().toString());
      answer.bytes();
    }
    return sftp;
  }

  /** Ends what waits for answers: there will be none. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ready?.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #take(chunk: Buffer): void {
    if (this.#failure) return; // nobody waits for what comes now
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const size = this.#rest.readUInt32BE(0);
      if (size < 1 || size > MAX_PACKET)
        return this.fail(new OstreeError('NETWORK', 'This is no SFTP server'));
      if (this.#rest.length < 4 + size) return;
      const packet = this.#rest.subarray(4, 4 + size);
      this.#rest = this.#rest.subarray(4 + size);
      try {
        this.#deliver(new Answer(packet));
      } catch (error) {
        return this.fail(error); // it would be nobody's, and end the process
      }
    }
  }

  #deliver(answer: Answer): void {
    if (this.#ready) {
      this.#ready.resolve(answer);
      this.#ready = undefined;
      return;
    }
    const id = answer.uint32();
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve(answer);
  }

  async #ask(type: number, fill: (packet: Packet) => Packet): Promise<Answer> {
    if (this.#failure) throw this.#failure.error;
    const id = this.#next++;
    const answered = new Promise<Answer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#output.write(fill(new Packet().uint32(id)).toBuffer(type));
    return await answered;
  }

  /** The answer, if it is of this type; null where there is no such file, or nothing more. */
  async #expect(
    type: number,
    expected: number,
    path: string,
    fill: (packet: Packet) => Packet,
  ): Promise<Answer | null> {
    const answer = await this.#ask(type, fill);
    if (answer.type === expected && expected !== STATUS) return answer;
    if (answer.type !== STATUS)
      throw new OstreeError('NETWORK', `An SFTP server answered ${answer.type}`, { path });
    const status = answer.uint32();
    if (status === OK) return answer;
    if (status === NO_SUCH_FILE || status === END) return null;
    const why = answer.atEnd ? `status ${status}` : answer.bytes().toString();
    throw new OstreeError(CODES[status] ?? 'FAILED', `${path}: ${why}`, { path });
  }

  #must(answer: Answer | null, path: string): Answer {
    if (answer) return answer;
    throw new OstreeError('NOT_FOUND', `${path}: No such file or directory`, { path });
  }

  async stat(path: string): Promise<SftpAttributes | null> {
    const answer = await this.#expect(STAT, ATTRS, path, (packet) => packet.string(path));
    return answer?.attributes() ?? null;
  }

  /** Does nothing where there is a directory already. */
  async mkdir(path: string): Promise<void> {
    try {
      this.#must(await this.#expect(MKDIR, STATUS, path, (packet) => packet.string(path).uint32(0)), path);
    } catch (error) {
      if ((await this.stat(path))?.isDirectory) return;
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    await this.#expect(REMOVE, STATUS, path, (packet) => packet.string(path));
  }

  /** In place of what is there. */
  async rename(from: string, to: string): Promise<void> {
    if (!this.#extensions.has(RENAME))
      throw new OstreeError('NOT_SUPPORTED', `The SFTP server cannot replace files: it lacks ${RENAME}`);
    const fill = (packet: Packet) => packet.string(RENAME).string(from).string(to);
    this.#must(await this.#expect(EXTENDED, STATUS, to, fill), to);
  }

  /** The names in a directory, but for `.` and `..`; none where there is no such directory. */
  async readdir(path: string): Promise<{ name: string; attributes: SftpAttributes }[]> {
    const opened = await this.#expect(OPENDIR, HANDLE, path, (packet) => packet.string(path));
    if (!opened) return [];
    const handle = opened.bytes();
    const entries: { name: string; attributes: SftpAttributes }[] = [];
    try {
      for (;;) {
        const answer = await this.#expect(READDIR, NAME, path, (packet) => packet.string(handle));
        if (!answer) return entries;
        for (let count = answer.uint32(); count > 0; count--) {
          const name = answer.bytes().toString();
          answer.bytes();
          const attributes = answer.attributes();
          if (name !== '.' && name !== '..') entries.push({ name, attributes });
        }
      }
    } finally {
      await this.#close(handle, path);
    }
  }

  async readFile(path: string): Promise<Buffer | null> {
    const opened = await this.#expect(OPEN, HANDLE, path, (packet) =>
      packet.string(path).uint32(FOR_READING).uint32(0),
    );
    if (!opened) return null;
    const handle = opened.bytes();
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for (;;) {
        const at = size;
        const answer = await this.#expect(READ, DATA, path, (packet) =>
          packet.string(handle).uint64(at).uint32(CHUNK),
        );
        if (!answer) return Buffer.concat(chunks);
        const chunk = Buffer.from(answer.bytes());
        chunks.push(chunk);
        size += chunk.length;
      }
    } finally {
      await this.#close(handle, path);
    }
  }

  /** Whether the server can flush files to its disk. */
  get flushes(): boolean {
    return this.#extensions.has(FLUSH);
  }

  /** A file or a directory to the server's disk; nothing where there is none, or one that it does not open. */
  async flush(path: string): Promise<void> {
    const fill = (packet: Packet) => packet.string(path).uint32(FOR_READING).uint32(0);
    const opened = await this.#expect(OPEN, HANDLE, path, fill).catch((error: unknown) => {
      if (OstreeError.is(error, 'FAILED')) return null; // not every server opens directories so
      throw error;
    });
    if (!opened) return;
    const handle = opened.bytes();
    try {
      await this.#flush(handle, path);
    } finally {
      await this.#close(handle, path);
    }
  }

  async #flush(handle: Uint8Array, path: string): Promise<void> {
    const fill = (packet: Packet) => packet.string(FLUSH).string(handle);
    this.#must(await this.#expect(EXTENDED, STATUS, path, fill), path);
  }

  /** A new file; `flush` where the server can. A few writes are on their way at once. */
  async writeFile(
    path: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { flush = false } = {},
  ): Promise<void> {
    const fill = (packet: Packet) => packet.string(path).uint32(FOR_NEW).uint32(4).uint32(0o100644);
    const handle = this.#must(await this.#expect(OPEN, HANDLE, path, fill), path).bytes();
    const pending: Promise<unknown>[] = [];
    let at = 0;
    try {
      for await (const chunk of chunks) {
        for (let begin = 0; begin < chunk.length; begin += CHUNK) {
          const part = chunk.subarray(begin, begin + CHUNK);
          const position = at;
          at += part.length;
          const write = this.#expect(WRITE, STATUS, path, (packet) =>
            packet.string(handle).uint64(position).string(part),
          );
          write.catch(() => {}); // it is thrown where it is waited for
          pending.push(write);
          if (pending.length >= 16) await pending.shift();
        }
      }
      await Promise.all(pending);
      if (flush && this.flushes) await this.#flush(handle, path);
    } finally {
      await this.#close(handle, path);
    }
  }

  async #close(handle: Uint8Array, path: string): Promise<void> {
    await this.#expect(CLOSE, STATUS, path, (packet) => packet.string(handle));
  }
}
