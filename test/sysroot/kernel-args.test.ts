import { KernelArgs, OstreeError, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { contents, REFSPEC, tinyOs, twins } from '../support/sysroot.js';

describe('KernelArgs', () => {
  it('reads a command line and writes it', () => {
    const args = KernelArgs.parse('  root=/dev/vda  console=a quiet console=b init= \n');
    expect(args.toArray()).toEqual(['root=/dev/vda', 'console=a', 'quiet', 'console=b', 'init=']);
    expect(String(args)).toBe('root=/dev/vda console=a quiet console=b init=');
    expect(JSON.stringify({ args })).toBe(`{"args":${JSON.stringify(args.toArray())}}`);
    expect([...args]).toEqual(args.toArray());
    expect(KernelArgs.parse('').toArray()).toEqual([]);
  });

  it('appends, replaces and deletes as libostree does', () => {
    const args = new KernelArgs(['a=1', 'b', 'a=2']);
    expect(args.append('c', 'a=3').toArray()).toEqual(['a=1', 'b', 'a=2', 'c', 'a=3']);
    expect(args.appendIfMissing('b=9', 'd').toArray()).toEqual(['a=1', 'b', 'a=2', 'c', 'a=3', 'd']);
    expect(args.delete('a=2').toArray()).toEqual(['a=1', 'b', 'c', 'a=3', 'd']);
    expect(args.replace('a=4', 'e').toArray()).toEqual(['a=4', 'b', 'c', 'd', 'e']);
    expect(args.delete('a', 'b').toArray()).toEqual(['c', 'd', 'e']);
  });

  it('tells what is there', () => {
    const args = new KernelArgs(['a=1', 'b', 'a=2', 'c=']);
    expect(['a', 'a=9', 'b', 'c', 'd'].map((key) => args.contains(key))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(['a', 'b', 'c', 'd'].map((key) => args.lastValue(key))).toEqual(['2', null, '', null]);
  });

  it('throws what it cannot delete, and stays as it was', () => {
    const args = new KernelArgs(['a=1', 'a=2', 'b']);
    expect(() => args.delete('nope')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(() => args.delete('a=3')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(() => args.delete('b', 'a')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => args.delete('b=1')).toThrow(OstreeError);
    expect(args.toArray()).toEqual(['a=1', 'a=2', 'b']);
  });

  it('takes white space inside double quotes only, and no line break', () => {
    expect(new KernelArgs(['dyndbg="file x +p"']).toString()).toBe('dyndbg="file x +p"');
    const args = new KernelArgs();
    for (const bad of ['', 'a b', 'a\tb', 'a\nb', '"a\nb"', 'a\0b']) {
      const wrong = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' });
      expect(() => args.append(bad)).toThrow(wrong);
      expect(() => args.replace(bad)).toThrow(wrong);
      expect(() => args.delete(bad)).toThrow(wrong);
      expect(() => new KernelArgs([bad])).toThrow(wrong);
    }
    expect(() => KernelArgs.parse('a\nb')).toThrow(RangeError);
    expect(() => KernelArgs.parse(5 as never)).toThrow(TypeError);
    for (const bad of [null, 5, 'quiet', {}])
      expect(() => new KernelArgs(bad as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    expect(() => args.append(5 as never)).toThrow(TypeError);
    expect(args.toArray()).toEqual([]);
  });
});

describe('sysroot.kernelArgs', () => {
  it('edits with one write what the command writes', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, (sysroot) =>
      sysroot.admin('deploy', '--os=tiny', '--karg=root=/dev/vda', '--karg=quiet', REFSPEC),
    );
    await theirs.admin('instutil', 'set-kargs', '--merge', '--replace=root=/dev/vdb', '--append=debug');
    await using sysroot = await Sysroot.open(ours.path);
    const deployment = sysroot.deployments[0]?.id ?? '';
    const args = sysroot.kernelArgs(deployment);
    expect(await args.get()).toEqual(['root=/dev/vda', 'quiet']);
    const edited = await args.edit({
      replace: ['root=/dev/vdb'],
      append: ['debug'],
      appendIfMissing: ['quiet'],
    });
    expect(edited).toEqual(['root=/dev/vdb', 'quiet', 'debug']);
    expect(await args.get()).toEqual(edited);
    expect(sysroot.deployments[0]?.kernelArgs).toEqual(edited);
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('changes one of several deployments, and only that', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const first = await sysroot.deploy(REFSPEC, { stateroot: 'tiny', kernelArgs: ['a'] });
    const second = await sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    await sysroot.kernelArgs(first).edit({ delete: ['a'], append: ['b'] });
    expect(sysroot.deployments.map(({ id, kernelArgs }) => [id, kernelArgs])).toEqual([
      [second.id, ['a']],
      [first.id, ['b']],
    ]);
  });

  it('rejects what is not there to delete, and writes nothing', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const args = sysroot.kernelArgs(
      await sysroot.deploy(REFSPEC, { stateroot: 'tiny', kernelArgs: ['a=1', 'a=2'] }),
    );
    const before = await contents(path);
    await expect(args.edit({ append: ['c'], delete: ['nope'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(args.edit({ delete: ['a'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await contents(path)).toEqual(before);
  });

  it.each([
    [null, 'ERR_INVALID_ARG_TYPE'],
    [['a'], 'ERR_INVALID_ARG_TYPE'],
    [{ append: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ apend: ['a'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ none: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ append: [5] }, 'ERR_INVALID_ARG_TYPE'],
    [{ append: ['a\nlinux /evil'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ replace: [''] }, 'ERR_INVALID_ARG_VALUE'],
    [{ delete: ['ostree=/x'] }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', async (edit, code) => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.kernelArgs('any').edit(edit as never)).rejects.toMatchObject({ code });
  });
});
