// Publishing into a directory of another machine, by the ssh command and the SFTP server there.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { posix } from 'node:path';

import {
  type Names,
  checkArray,
  checkInteger,
  checkKnown,
  checkName,
  checkString,
  valueError,
} from './check.js';
import { untilAborted } from './abort.js';
import { OstreeError } from './errors.js';
import { checkArchive, DIRECTORIES, isAbandoned, wantsFsync } from './publish-directory.js';
import type { FallibleStore } from './publish-retry.js';
import type { Upload } from './publish-store.js';
import { Sftp } from './sftp.js';
import { Tasks } from './tasks.js';

/** A directory of another machine. */
export interface SshTarget {
  /** `host` or `user@host`, as the ssh command takes it; names of its configuration, too. */
  ssh: string;
  /** The directory there; a relative one begins in the user's home. */
  path: string;
  port?: number | undefined;
  /** More arguments of ssh, such as `['-i', '/etc/keys/publish']`. It never asks for anything. */
  arguments?: string[] | undefined;
}

const TARGET: Names<SshTarget> = { ssh: true, path: true, port: true, arguments: true };
const HOST = /^(?:[^\s@-][^\s@]*@)?[^\s@-][^\s@]*$/;
/** How much of what ssh complains about is kept. */
const MAX_STDERR = 4096;
/** How many files are flushed at once: the server does one after the other, but need not wait to be asked. */
const FLUSHES = 32;

export function checkSshTarget(target: object): asserts target is SshTarget {
  checkKnown(target, TARGET, 'target');
  const { ssh, path, port, arguments: more } = target as Record<string, unknown>;
  checkName(ssh, 'target.ssh');
  if (!HOST.test(ssh)) throw valueError('target.ssh', `must be a host, or user@host. Received '${ssh}'`);
  checkName(path, 'target.path');
  if (port !== undefined) checkInteger(port, 'target.port', 1, 65_535);
  if (more === undefined) return;
  checkArray(more, 'target.arguments');
  more.forEach((argument, i) => checkString(argument, `target.arguments[${i}]`));
}

/** `ssh://user@host:port/path`. */
export function sshTargetOf(text: string): SshTarget {
  if (!URL.canParse(text)) throw valueError('target', `must be ssh://HOST/PATH. Received '${text}'`);
  const { username, password, hostname, port, pathname, search, hash } = new URL(text);
  if (password !== '' || search !== '' || hash !== '')
    throw valueError('target', 'must have neither a password nor a query: ssh uses keys');
  const user = username === '' ? '' : `${decodeURIComponent(username)}@`;
  const target = { ssh: `${user}${hostname.replace(/^\[|\]$/g, '')}`, path: decodeURIComponent(pathname) };
  const complete = port === '' ? target : { ...target, port: Number(port) };
  checkSshTarget(complete);
  return complete;
}

/** Those that have something of these paths in them, up to the root. */
function directoriesOf(paths: readonly string[]): string[] {
  const directories = new Set<string>();
  for (const path of paths)
    for (let above = posix.dirname(path); !directories.has(above); above = posix.dirname(above))
      directories.add(above);
  return [...directories];
}

interface Connection {
  child: ChildProcess;
  sftp: Sftp;
}

export class SshStore implements FallibleStore {
  readonly local = false;
  readonly name: string;
  readonly #target: SshTarget;
  readonly #root: string;
  readonly #made = new Map<string, Promise<void>>();
  #connecting: Promise<Connection> | undefined;
  #fsync: boolean | undefined;
  /** What is there, and maybe not on the disk yet. */
  readonly #unflushed = new Set<string>();

  /** `fsync`: as the config there says unless given. */
  constructor(target: SshTarget, fsync?: boolean) {
    this.#fsync = fsync;
    this.name = `${target.ssh}:${target.path}`;
    this.#target = target;
    this.#root = target.path.replace(/\/+$/, '') || '/';
  }

  mayHelp(error: unknown): boolean {
    return OstreeError.is(error, 'NETWORK');
  }

  /** The connection there is, or a new one. */
  async #sftp(signal: AbortSignal): Promise<Sftp> {
    signal.throwIfAborted();
    this.#connecting ??= this.#connect();
    const { sftp } = await untilAborted(signal, this.#connecting);
    return sftp;
  }

  #connect(): Promise<Connection> {
    const { ssh, port, arguments: more = [] } = this.#target;
    const where = port === undefined ? [] : ['-p', String(port)];
    const child = spawn('ssh', ['-o', 'BatchMode=yes', ...more, ...where, '-s', '--', ssh, 'sftp'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const connecting = Sftp.connect(child.stdout, child.stdin).then((sftp) => ({ child, sftp }));
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-MAX_STDERR);
    });
    const ended = new Promise<OstreeError>((resolve) => {
      child.on('error', (error) =>
        resolve(new OstreeError('FAILED', `ssh: ${error.message}`, { cause: error })),
      );
      child.on('close', (code) => resolve(this.#failureOf(complaint.trim() || `it ended with ${code}`)));
    });
    const whole = Promise.race([connecting, ended.then((error) => Promise.reject(error))]);
    void ended.then(async (error) => {
      if (this.#connecting === whole) this.#connecting = undefined;
      const connection = await connecting.catch(() => null);
      connection?.sftp.fail(error);
    });
    whole.catch(() => child.kill());
    return whole;
  }

  #failureOf(complaint: string): OstreeError {
    const isRefused =
      /Permission denied|Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/.test(complaint);
    return new OstreeError(
      isRefused ? 'PERMISSION_DENIED' : 'NETWORK',
      `ssh ${this.#target.ssh}: ${complaint}`,
    );
  }

  #at(path: string): string {
    return posix.join(this.#root, path);
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const config = await this.read('config', signal);
    checkArchive(this.name, config);
    this.#fsync ??= wantsFsync(config);
    const sftp = await this.#sftp(signal);
    for (const directory of DIRECTORIES) await this.#makeDirectory(sftp, this.#at(directory));
    const tmp = this.#at('tmp');
    for (const { name, attributes } of await sftp.readdir(tmp))
      if (isAbandoned(name, attributes.modified * 1000)) await sftp.remove(posix.join(tmp, name));
  }

  #makeDirectory(sftp: Sftp, path: string): Promise<void> {
    const known = this.#made.get(path);
    if (known) return known;
    const making = (async () => {
      if ((await sftp.stat(path))?.isDirectory) return;
      const above = posix.dirname(path);
      if (above !== path) await this.#makeDirectory(sftp, above);
      await sftp.mkdir(path);
    })();
    this.#made.set(path, making);
    making.catch(() => this.#made.delete(path));
    return making;
  }

  async size(path: string, signal: AbortSignal): Promise<number | null> {
    const sftp = await this.#sftp(signal);
    const attributes = await untilAborted(signal, sftp.stat(this.#at(path)));
    if (!attributes || attributes.isDirectory) return null;
    this.#unflushed.add(path); // another run may have left it so
    return attributes.size;
  }

  async read(path: string, signal: AbortSignal): Promise<Buffer | null> {
    const sftp = await this.#sftp(signal);
    return await untilAborted(signal, sftp.readFile(this.#at(path)));
  }

  async put(upload: Upload, signal: AbortSignal): Promise<void> {
    await this.putTogether([upload], signal);
  }

  async putTogether(uploads: Upload[], signal: AbortSignal): Promise<void> {
    const sftp = await this.#sftp(signal);
    const staged: { path: string; temporary: string; target: string }[] = [];
    try {
      for (const { path, source } of uploads) {
        const temporary = this.#at(`tmp/publish-${randomBytes(8).toString('hex')}`);
        const target = this.#at(path);
        staged.push({ path, temporary, target });
        await this.#stage(sftp, source, temporary, signal);
        await this.#makeDirectory(sftp, posix.dirname(target));
      }
      // The server does them in this order, and does not wait for another word.
      const renames = staged.map(({ temporary, target }) => sftp.rename(temporary, target));
      await untilAborted(signal, Promise.all(renames));
      for (const { path } of staged) this.#unflushed.add(path);
    } catch (error) {
      if (!this.mayHelp(error))
        for (const { temporary } of staged) void sftp.remove(temporary).catch(() => {});
      throw error;
    }
  }

  /** What is small, such as a ref, is flushed before it has its name; the others wait for flush(). */
  async #stage(sftp: Sftp, source: Upload['source'], temporary: string, signal: AbortSignal): Promise<void> {
    const chunks = typeof source === 'string' ? createReadStream(source) : [source];
    const flush = typeof source !== 'string' && this.#fsync === true;
    try {
      await untilAborted(signal, sftp.writeFile(temporary, chunks, { flush }));
    } catch (error) {
      if (!Array.isArray(chunks)) chunks.destroy();
      throw error;
    }
  }

  /** Where the server can: OpenSSH's does. Files together: the first ones bring most of the others along. */
  async flush(signal: AbortSignal): Promise<void> {
    const sftp = await this.#sftp(signal);
    if (!this.#fsync || !sftp.flushes) return;
    const paths = [...this.#unflushed];
    const tasks = new Tasks({ signal, concurrency: FLUSHES, budget: Infinity });
    const flushAll = (list: readonly string[]) =>
      tasks.map(
        list,
        () => 0,
        (path, ended) => untilAborted(ended, sftp.flush(this.#at(path))),
      );
    await flushAll(paths);
    await flushAll(directoriesOf(paths));
    for (const path of paths) this.#unflushed.delete(path);
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    await (await this.#sftp(signal)).remove(this.#at(path));
  }

  async list(directory: string, signal: AbortSignal): Promise<string[]> {
    const sftp = await this.#sftp(signal);
    const paths: string[] = [];
    for (const { name, attributes } of await untilAborted(signal, sftp.readdir(this.#at(directory)))) {
      const path = `${directory}/${name}`;
      if (attributes.isDirectory) paths.push(...(await this.list(path, signal)));
      else paths.push(path);
    }
    return paths;
  }

  async close(): Promise<void> {
    const connection = await this.#connecting?.catch(() => undefined);
    if (!connection) return;
    const { child } = connection;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.stdin?.end();
    child.kill();
    await closed;
  }
}
