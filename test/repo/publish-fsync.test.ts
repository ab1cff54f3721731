// What publishing into a directory flushes to the disk, as strace sees it.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { typeError } from '../support/errors.js';
import { sample } from '../support/publish.js';
import { temporaryDirectory } from '../support/repo.js';

function cannotTrace(): boolean {
  try {
    execFileSync('strace', ['-f', 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

const missing = cannotTrace();
if (missing) console.warn('What a publish flushes to the disk is not looked at: strace does not work here');

const root = fileURLToPath(new URL('../..', import.meta.url));
const CALLS = 'trace=syncfs,fsync,fdatasync,rename,renameat,renameat2';
const PUBLISH = `
  import { Repo } from 'ostree';
  const [, path, target, options] = process.argv;
  const repo = await Repo.open(path);
  await repo.publish(target, JSON.parse(options));`;

/** What happens on the disk, in order: `flush`, `flush file`, and the paths of files as they are put in place. */
async function trace(path: string, target: string, options: object): Promise<string[]> {
  const log = join(await temporaryDirectory(), 'log');
  const node = [process.execPath, '--input-type=module', '--eval', PUBLISH];
  const strace = ['-f', '-s', '300', '-e', CALLS, '-e', 'signal=none', '-o', log];
  await execa('strace', [...strace, ...node, path, target, JSON.stringify(options)], { cwd: root });
  const events: string[] = [];
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    const put = new RegExp(`rename\\w*\\(.*"${target}/([^"]+)"\\)`).exec(line)?.[1];
    if (/\bsyncfs\(/.test(line) && !line.includes('resumed')) events.push('flush');
    if (/\bf(?:data)?sync\(/.test(line) && !line.includes('resumed')) events.push('flush file');
    if (put) events.push(put);
  }
  return events;
}

describe.skipIf(missing)('publish into a directory flushes', () => {
  it('objects before refs, and the parts of deltas before what tells of them', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.summary.regenerate();
    const target = join(await temporaryDirectory(), 'published');
    const events = await trace(cli.path, target, {});
    const last = (what: RegExp) => events.findLastIndex((event) => what.test(event));
    const first = (what: RegExp) => events.findIndex((event) => what.test(event));
    const flushes = events.flatMap((event, i) => (event === 'flush' ? [i] : []));
    const between = (a: number, b: number) => flushes.some((i) => a < i && i < b);
    expect(first(/^objects\//)).toBeGreaterThanOrEqual(0);
    expect(between(last(/^deltas\/.*\/0$/), first(/^deltas\/.*\/superblock$/))).toBe(true);
    expect(between(Math.max(last(/^objects\//), last(/^deltas\//)), first(/^refs\//))).toBe(true);
    // The name of a ref is not there before its content.
    expect(events[first(/^refs\//) - 1]).toBe('flush file');
    expect(last(/^refs\//)).toBeLessThan(first(/^summary$/));
  });

  it('nothing where that is switched off', async () => {
    const { cli } = await sample();
    const target = join(await temporaryDirectory(), 'published');
    const events = await trace(cli.path, target, { fsync: false });
    expect(events.filter((event) => event.startsWith('refs/'))).toHaveLength(2);
    expect(events.filter((event) => event.startsWith('flush'))).toEqual([]);

    const quiet = join(await temporaryDirectory(), 'quiet');
    await mkdir(quiet);
    await writeFile(join(quiet, 'config'), '[core]\nrepo_version=1\nmode=archive-z2\nfsync = false\n');
    expect((await trace(cli.path, quiet, {})).filter((event) => event.startsWith('flush'))).toEqual([]);
    await using repo = await Repo.open(cli.path);
    await expect(repo.publish(quiet, { fsync: 1 as never })).rejects.toEqual(typeError('fsync'));
  });
});
