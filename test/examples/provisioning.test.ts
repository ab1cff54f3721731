// The snippets of docs/provisioning.md, run as they stand there but for the paths.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { execa } from 'execa';
import { Repo, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';
import { gpgKey } from '../support/gpg.js';
import { temporaryDirectory } from '../support/repo.js';

const page = fileURLToPath(new URL('../../docs/provisioning.md', import.meta.url));

/** The snippet of this name, with what stands for the reader's own names replaced. */
async function snippet(name: string, names: Record<string, string> = {}): Promise<string> {
  const text = await readFile(page, 'utf8');
  const found = new RegExp(`<!-- run: ${name} -->\\s+\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/provisioning.md has no snippet ${name}`);
  return Object.entries(names).reduce((code, [from, to]) => {
    if (!code.includes(from)) throw new Error(`the snippet ${name} does not mention ${from}`);
    return code.replaceAll(from, to);
  }, found);
}

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<unknown>;

/** Runs code in this process, with these things at hand. */
async function runHere(code: string, values: Record<string, unknown>): Promise<unknown> {
  return await new AsyncFunction(...Object.keys(values), code)(...Object.values(values));
}

describe.skipIf(whyNotBooted)(`docs/provisioning.md, ${booted}`, () => {
  it('install: a disk with a signed operating system', async () => {
    const machine = await device();
    const key = await gpgKey();
    const checksum = await machine.publish('1.0', {}, { branch: 'os/stable' });
    const vendor = await Repo.open(machine.repo);
    await vendor.sign(checksum, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    await vendor.close();
    const disk = join(await temporaryDirectory(), 'disk');
    const url = `file://${machine.repo}`;
    const values = { Sysroot, writeFile, join, url, publicKey: key.publicKeyBytes };
    await runHere(await snippet('install', { '/mnt': disk }), values);
    const sysroot = await Sysroot.open(disk);
    const [deployment] = sysroot.deployments;
    expect(deployment).toMatchObject({ checksum, origin: { refspec: 'origin:os/stable' } });
    expect(await readFile(join(deployment?.path ?? '', 'etc/hostname'), 'utf8')).toBe('device-1\n');
    await sysroot.close();
  });

  it('confirm: what was asked about is what is staged', async () => {
    const machine = await device();
    const second = await machine.publish('2');
    const boot = await machine.boot();
    const code = await snippet('confirm');
    const staged = await boot.run(`
      const asked = [];
      console.log = () => {};
      const confirm = async (question) => {
        asked.push(question);
        return asked.length > 1;
      };
      const ask = async () => { ${code} };
      await ask();
      const none = sysroot.staged;
      await ask();
      return { asked, none, checksum: sysroot.staged.checksum };`);
    const question = 'Version 2 is there. Install it?';
    expect(staged).toEqual({ asked: [question, question], none: null, checksum: second });
  });

  it('rollback: to where the trial began', async () => {
    const machine = await device();
    const from = await machine.outside((sysroot) => Promise.resolve(sysroot.deployments[0]?.checksum));
    await machine.publish('2');
    const boot = await machine.boot();
    await boot.run(`await sysroot.upgrade({ stage: true })`);
    await boot.shutDown();
    const next = await machine.boot();
    const code = await snippet('rollback');
    const pending = `return [sysroot.booted.version, sysroot.pending.version]`;
    expect(await next.run(`const trial = args; ${code}; ${pending}`, { args: { from } })).toEqual(['2', '1']);
    // Where it is gone, what is there is taken.
    const gone = `await sysroot.makeDefault(sysroot.booted); const trial = { from: 'gone' };`;
    expect(await next.run(`${gone} ${code}; ${pending}`)).toEqual(['2', '1']);
  });

  it('tar: an operating system, and its next version', async () => {
    const machine = await device();
    const home = await temporaryDirectory();
    const archive = join(home, 'os.tar.gz');
    const disk = await Sysroot.init(join(home, 'disk'));
    await disk.initStateroot('os');
    await disk.repo.config.set('sysroot.bootloader', 'none');
    const vendor = await Repo.open(machine.repo);
    const root = async (rev: string, repo: Repo) => (await repo.readCommit(rev)).rootContents;
    const code = `${await snippet('tar', { '/media/usb/os.tar.gz': archive })} return deployment`;
    for (const version of ['1', '2']) {
      const checksum = await machine.publish(version);
      await execa('ostree', ['export', `--repo=${machine.repo}`, '-o', `${archive}.tar`, checksum]);
      await writeFile(archive, gzipSync(await readFile(`${archive}.tar`)));
      // The second time as the page says it may be: without the arguments of the kernel.
      const next = code.replace(", kernelArgs: ['root=LABEL=root', 'rw']", '');
      const deployment = await runHere(version === '1' ? code : next, { sysroot: disk });
      expect(await root('os/stable', disk.repo)).toBe(await root(checksum, vendor));
      expect(deployment).toEqual(disk.deployments[0]);
      expect(disk.deployments[0]?.kernelArgs).toEqual(['root=LABEL=root', 'rw']);
      const hostname = join(disk.deployments[0]?.path ?? '', 'etc/hostname');
      if (version === '1') await writeFile(hostname, 'device-1\n');
      expect(await readFile(hostname, 'utf8')).toBe('device-1\n');
    }
    await vendor.close();
    await disk.close();
  });

  it('usb-fill, usb-upgrade: a stick in place of the server, also the second time', async () => {
    const machine = await device();
    const stick = join(machine.dir, 'usb');
    await mkdir(stick);
    const second = await machine.publish('2');
    const names = { '/srv/ostree/repo': machine.repo, 'os/stable': 'tiny/os' };
    const fill = await snippet('usb-fill', { '/media/usb': stick, ...names });
    await runHere(fill, { Repo });
    const third = await machine.publish('3');
    await runHere(fill, { Repo });
    const filled = await Repo.open(join(stick, 'repo'));
    expect(await filled.resolveRev('tiny/os')).toBe(third);
    expect(await filled.hasObject({ type: 'commit', checksum: second })).toBe(true);
    await filled.close();
    const boot = await machine.boot();
    await boot.run(`await sysroot.repo.remotes.setOptions('origin', { url: 'file:///nowhere' })`);
    const upgrade = await snippet('usb-upgrade', { '/media/usb': '/run/device/usb' });
    expect(await boot.run(`${upgrade} return deployment.checksum`)).toBe(third);
  });
});
