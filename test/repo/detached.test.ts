import { writeFile } from 'node:fs/promises';

import { Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { ed25519Key, objectPath, unsignedCommit } from '../support/sign.js';

describe('setDetachedMetadata', () => {
  it('writes any type, as the command reads it', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    await repo.setDetachedMetadata('main', {
      text: 'x',
      flag: true,
      bytes: new Uint8Array([1, 2]),
      list: ['a', 'b'],
      exact: new Variant('a(sv)', [['k', new Variant('u', 5)]]),
      skipped: undefined,
    });
    const show = (key: string) => cli.ostree('show', '-B', `--print-detached-metadata-key=${key}`, commit);
    expect(await show('text')).toBe("'x'");
    expect(await show('flag')).toBe('true');
    expect(await show('bytes')).toBe('[byte 0x01, 0x02]');
    expect(await show('list')).toBe("['a', 'b']");
    expect(await show('exact')).toBe("[('k', <uint32 5>)]");
    await expect(show('skipped')).rejects.toThrow('No such metadata key');
  });

  it('takes a Variant, replaces what was there, and empties it with null', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    await repo.sign(commit, { type: 'ed25519', secretKey: ed25519Key().secret });
    await repo.setDetachedMetadata(commit, Variant.parse("{'a': <uint16 1>}", 'a{sv}'));
    const show = (key: string) => cli.ostree('show', '-B', `--print-detached-metadata-key=${key}`, commit);
    expect(await show('a')).toBe('uint16 1');
    expect(await repo.removeSignatures(commit)).toBe(0);
    await repo.setDetachedMetadata(commit, null);
    await expect(show('a')).rejects.toThrow('No such metadata key');
    await cli.ostree('fsck');
  });

  it('replaces damaged metadata', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    await writeFile(objectPath(cli.path, commit, 'commitmeta'), 'nonsense');
    await repo.setDetachedMetadata(commit, { a: 1 });
    expect(await cli.ostree('show', '-B', '--print-detached-metadata-key=a', commit)).toBe('1');
  });

  it('rejects with NOT_FOUND, and with the signal, and refuses bad arguments', async () => {
    const { repo, commit } = await unsignedCommit();
    const set = (metadata: unknown) => repo.setDetachedMetadata(commit, metadata as null);
    await expect(repo.setDetachedMetadata('nope', {})).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'nope',
    });
    await expect(repo.setDetachedMetadata('a'.repeat(64), {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const reason = new Error('enough');
    const aborted = { signal: AbortSignal.abort(reason) };
    await expect(repo.setDetachedMetadata(commit, {}, aborted)).rejects.toBe(reason);
    await expect(set(undefined)).rejects.toEqual(typeError('metadata'));
    await expect(set('x')).rejects.toEqual(typeError('metadata'));
    await expect(set([1])).rejects.toEqual(typeError('metadata'));
    await expect(set({ a: null })).rejects.toEqual(typeError('metadata.a'));
    await expect(set(new Variant('s', 'x'))).rejects.toMatchObject({ name: 'TypeError' });
    await expect(repo.setDetachedMetadata('', {})).rejects.toEqual(rangeError('commit'));
  });
});
