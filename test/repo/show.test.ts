// What console.log(), util.inspect() and JSON.stringify() show of what is open; and what `new` says of it.
import { inspect } from 'node:util';

import { DevInoCache, KernelArgs, Repo, Sysroot, Transaction } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

/** On one line. */
const shown = (value: unknown) => inspect(value, { breakLength: Infinity });
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('shown is', () => {
  it('a Repo, with its parts, locks and transactions', async () => {
    const { path } = await cliRepo();
    const repo = await Repo.open(path);
    expect(shown(repo)).toBe(`Repo { path: '${path}', mode: 'archive', closed: false }`);
    expect(json({ repo })).toEqual({ repo: { path, mode: 'archive', closed: false } });
    expect(shown([repo.config, repo.summary, repo.deltas, repo.remotes, repo.remotes.cookies])).toBe(
      `[ ${['RepoConfig', 'Summary', 'Deltas', 'Remotes', 'RemoteCookies'].map((name) => `${name} { repo: '${path}' }`).join(', ')} ]`,
    );
    const lock = await repo.lock('shared');
    expect(shown(lock)).toBe(`RepoLock { repo: '${path}', released: false }`);
    await lock.release();
    expect(shown(lock)).toBe(`RepoLock { repo: '${path}', released: true }`);
    const txn = await repo.begin();
    await txn.writeFile('x');
    expect(json(txn)).toMatchObject({ repo: path, stats: { contentObjects: 1 }, closed: false });
    expect(shown(txn)).toMatch(
      /^Transaction \{ repo: '.*', stats: \{ contentObjects: 1, .* \}, closed: false \}$/,
    );
    await txn.abort();
    expect(shown(txn)).toMatch(/closed: true \}$/);
    await repo.close();
    expect(shown(repo)).toBe(`Repo { path: '${path}', mode: 'archive', closed: true }`);
  });

  it('a Sysroot, its lock and deployments', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', '--karg=quiet', REFSPEC);
    const sysroot = await Sysroot.open(path);
    const [deployment] = sysroot.deployments;
    const id = deployment?.id ?? '';
    expect(id).toMatch(/^tiny-[0-9a-f]{64}\.0$/);
    const text = `path: '${path}', booted: null, deployments: [ '${id}' ], closed: false`;
    expect(shown(sysroot)).toBe(`Sysroot { ${text} }`);
    expect(json(sysroot)).toEqual({ path, booted: null, deployments: [id], closed: false });
    expect(shown(deployment)).toContain(`id: '${id}'`);
    expect(shown(sysroot.kernelArgs(id))).toBe(
      `DeploymentKernelArgs { sysroot: '${path}', deployment: '${id}' }`,
    );
    const lock = await sysroot.lock();
    expect(shown(lock)).toBe(`SysrootLock { sysroot: '${path}', released: false }`);
    await lock.release();
    await sysroot.close();
    expect(shown(lock)).toBe(`SysrootLock { sysroot: '${path}', released: true }`);
    expect(shown(sysroot)).toContain('closed: true');
  });

  it('what is in memory', () => {
    expect(shown(new KernelArgs(['quiet', 'a=b']))).toBe("KernelArgs [ 'quiet', 'a=b' ]");
    expect(json(new KernelArgs(['quiet']))).toEqual(['quiet']);
    expect(shown(new DevInoCache())).toBe('DevInoCache { size: 0 }');
  });

  it('their name alone, where that is all there is', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    expect(inspect({ repo }, { depth: 0 })).toBe('{ repo: [Repo] }');
    expect(shown({ a: { b: { c: repo } } })).toBe('{ a: { b: { c: [Repo] } } }');
    const proxy = new Proxy(repo, {});
    for (const none of [proxy, Object.create(Repo.prototype) as unknown]) expect(shown(none)).toBe('[Repo]');
    expect(JSON.stringify([proxy, Repo.prototype])).toBe('[null,null]');
    for (const { prototype } of [Repo, Sysroot, Transaction, KernelArgs, DevInoCache])
      expect(shown(prototype)).not.toBe('');
  });
});

describe('new', () => {
  const refused = (message: RegExp) =>
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_ILLEGAL_CONSTRUCTOR',
      message: expect.stringMatching(message) as unknown,
    }) as unknown;
  const thrown = (make: () => unknown): unknown => {
    try {
      return make();
    } catch (error) {
      return error;
    }
  };

  it.each([
    ['Repo', Repo, 'Repo.open() or Repo.create()'],
    ['Sysroot', Sysroot, 'Sysroot.open() or Sysroot.init()'],
    ['Transaction', Transaction, 'repo.begin() or repo.transaction()'],
  ])('says how to have a %s', async (name, type, instead) => {
    const Class = type as never as new (...args: unknown[]) => unknown;
    const dir = await temporaryDirectory();
    for (const args of [[], [dir], [null], [{}], [dir, {}], [undefined, null]])
      expect(thrown(() => new Class(...args))).toEqual(
        refused(new RegExp(`^A ${name} cannot be made with new: use ${instead.replace(/[().]/g, '\\$&')}$`)),
      );
  });
});
