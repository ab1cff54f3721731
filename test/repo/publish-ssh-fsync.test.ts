// What publishing over SSH flushes to the disk of the other machine, as strace sees OpenSSH's server do it.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { sample } from '../support/publish.js';
import { temporaryDirectory } from '../support/repo.js';
import { SFTP_SERVER } from '../support/sshd.js';

const missing = ((): string | undefined => {
  if (!existsSync(SFTP_SERVER)) return `there is no ${SFTP_SERVER} (Debian's openssh-sftp-server)`;
  try {
    execFileSync('strace', ['-f', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'strace does not work here';
  }
})();
if (missing) console.warn(`What a publish over SSH flushes is not looked at: ${missing}`);

const CALLS = 'trace=fsync,fdatasync,rename,renameat,renameat2';
const PATH = process.env['PATH'];
afterEach(() => {
  process.env['PATH'] = PATH;
});

/** In place of the ssh command, the server itself; the events are `flush PATH` and `put PATH`, in order. */
async function traced(...more: string[]) {
  const dir = await temporaryDirectory();
  const log = join(dir, 'log');
  const path = join(dir, 'repo');
  const strace = `strace -f -y -s 300 -e ${CALLS} -e signal=none -A -o '${log}'`;
  await mkdir(join(dir, 'bin'));
  await writeFile(
    join(dir, 'bin/ssh'),
    `#!/bin/sh\nPATH='${PATH}'\nexec ${strace} ${SFTP_SERVER} ${more.join(' ')}\n`,
  );
  await chmod(join(dir, 'bin/ssh'), 0o755);
  process.env['PATH'] = `${join(dir, 'bin')}${delimiter}${PATH}`;
  const events = async () => {
    const found: string[] = [];
    for (const line of (await readFile(log, 'utf8')).split('\n')) {
      const flushed = new RegExp(`sync\\(\\d+<${path}/?([^>]*)>`).exec(line);
      const put = new RegExp(`rename\\w*\\(.*"${path}/([^"]+)"\\)`).exec(line);
      if (flushed) found.push(`flush ${flushed[1]?.startsWith('tmp/') ? 'new file' : flushed[1]}`);
      if (put) found.push(`put ${put[1]}`);
    }
    return found;
  };
  return { path, to: { ssh: 'somewhere', path }, events };
}

describe.skipIf(missing)('publish over SSH flushes', () => {
  it('objects before the commits that vouch for them, and all before refs', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.summary.regenerate({ sign: { type: 'gpg', sign: () => Promise.resolve(Buffer.of(0x88, 1)) } });
    const { to, path, events } = await traced();
    await repo.publish(to);
    const all = await events();
    const puts = all.filter((event) => event.startsWith('put ')).map((event) => event.slice(4));
    const at = (event: string) => all.indexOf(event);
    const first = (what: RegExp) => all.findIndex((event) => what.test(event));
    const objects = puts.filter((name) => name.startsWith('objects/'));
    expect(objects.length).toBeGreaterThan(8);
    for (const name of objects) {
      expect(at(`flush ${name}`)).toBeGreaterThan(at(`put ${name}`));
      const before = name.endsWith('.commit') ? /^put refs\// : /^put objects\/.*\.commit$/;
      expect(at(`flush ${name}`)).toBeLessThan(first(before));
      expect(at(`flush ${name.slice(0, 10)}`)).toBeLessThan(first(/^put refs\//));
    }
    for (const directory of ['', 'objects'])
      expect(all.slice(0, first(/^put refs\//))).toContain(`flush ${directory}`);
    for (const name of puts.filter((name) => /^deltas\/.*\/\d+$/.test(name)))
      expect(at(`flush ${name}`)).toBeLessThan(first(/^put deltas\/.*\/superblock$/));
    // The name of a ref is not there before its content, nor that of a summary, whose signature comes right after it.
    expect(all[first(/^put refs\//) - 1]).toBe('flush new file');
    expect(all.slice(at('put summary') - 2, at('put summary') + 2)).toEqual([
      'flush new file',
      'flush new file',
      'put summary',
      'put summary.sig',
    ]);
    expect(await readFile(join(path, 'summary'))).toEqual(await readFile(join(cli.path, 'summary')));
  });

  it('what a run that was killed has left', async () => {
    const { cli, repo, commits } = await sample();
    const { to, path, events } = await traced();
    await repo.publish({ directory: path }, { refs: ['os/main'], fsync: false });
    const name = `objects/${commits[1].slice(0, 2)}/${commits[1].slice(2)}.commit`;
    await repo.publish(to);
    expect(await events()).not.toContain(`put ${name}`);
    expect(await events()).toContain(`flush ${name}`);
    expect(await readFile(join(path, name))).toEqual(await readFile(join(cli.path, name)));
  });

  it('nothing where that is switched off, or the server cannot', async () => {
    const { repo } = await sample();
    const flushes = async (events: () => Promise<string[]>) => {
      const all = await events();
      expect(all.filter((event) => event.startsWith('put refs/'))).toHaveLength(2);
      return all.filter((event) => event.startsWith('flush'));
    };
    const off = await traced();
    await repo.publish(off.to, { fsync: false });
    expect(await flushes(off.events)).toEqual([]);
    const quiet = await traced();
    await mkdir(quiet.path);
    await writeFile(join(quiet.path, 'config'), '[core]\nrepo_version=1\nmode=archive-z2\nfsync=false\n');
    await repo.publish(quiet.to);
    expect(await flushes(quiet.events)).toEqual([]);
    const unable = await traced('-P', 'fsync');
    await repo.publish(unable.to);
    expect(await flushes(unable.events)).toEqual([]);
  });
});
