import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type RemoteOptions, Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { gpgHome, gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { isRoot } from '../support/trees.js';

async function configOf(path: string): Promise<string> {
  return await readFile(join(path, 'config'), 'utf8');
}

/** All that says something of remotes. */
async function filesOf(path: string, remotesConfigDir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = { config: await configOf(path) };
  for (const dir of [path, remotesConfigDir])
    for (const name of await readdir(dir))
      if (/\.(?:gpg|conf)$/.test(name)) files[name] = await readFile(join(dir, name), 'base64');
  return files;
}

/** The config that the command makes of its arguments, and the one that `ours` makes. */
async function bothConfigs(cli: string[], ours: (repo: Repo) => Promise<void>): Promise<[string, string]> {
  const theirs = await cliRepo();
  await theirs.ostree('remote', ...cli);
  const { path } = await cliRepo();
  await using repo = await Repo.open(path);
  await ours(repo);
  return [await configOf(path), await configOf(theirs.path)];
}

describe('remotes.add', () => {
  it.each<[string, string[], [string | null, RemoteOptions]]>([
    ['a URL', ['origin', 'https://example.org/repo'], ['https://example.org/repo', {}]],
    ['branches', ['origin', 'http://h/r', 'os/a', 'os/b'], ['http://h/r', { branches: ['os/a', 'os/b'] }]],
    ['one branch', ['origin', 'http://h/r', 'main'], ['http://h/r', { branches: ['main'] }]],
    ['no GPG', ['--no-gpg-verify', 'origin', 'http://h/r'], ['http://h/r', { gpgVerify: false }]],
    [
      'no signatures at all',
      ['--no-sign-verify', 'origin', 'http://h/r'],
      ['http://h/r', { gpgVerify: false, signVerify: false }],
    ],
    [
      'a signature engine',
      ['--sign-verify=dummy=inline:KEY', 'origin', 'http://h/r'],
      ['http://h/r', { signVerify: ['dummy'], verificationKeys: { dummy: { key: 'KEY' } } }],
    ],
    [
      'a signature engine with a file',
      ['--sign-verify=dummy=file:/etc/key', 'origin', 'http://h/r'],
      ['http://h/r', { signVerify: ['dummy'], verificationKeys: { dummy: { file: '/etc/key' } } }],
    ],
    ['a metalink', ['origin', 'metalink=https://h/meta.xml'], ['metalink=https://h/meta.xml', {}]],
    ['a mirror list', ['origin', 'mirrorlist=https://h/list'], ['mirrorlist=https://h/list', {}]],
    [
      'a content URL and a collection',
      ['--contenturl=http://c/r', '--collection-id=org.example.Os', 'origin', 'http://h/r'],
      ['http://h/r', { contentUrl: 'http://c/r', collectionId: 'org.example.Os' }],
    ],
    ['a custom backend', ['--custom-backend=foo', 'origin'], [null, { customBackend: 'foo' }]],
    [
      'settings',
      [
        '--set=proxy=http://p:3128',
        '--set=http2=false',
        '--set=tls-permissive=true',
        '--set=tls-client-cert-path=/c',
        '--set=tls-client-key-path=/k',
        '--set=tls-ca-path=/a',
        '--set=unconfigured-state=run register first',
        '--set=gpg-verify-summary=true',
        '--set=xa.title=A; title',
        'origin',
        'http://h/r',
      ],
      [
        'http://h/r',
        {
          proxy: 'http://p:3128',
          http2: false,
          tlsPermissive: true,
          tlsClientCertPath: '/c',
          tlsClientKeyPath: '/k',
          tlsCaPath: '/a',
          unconfiguredState: 'run register first',
          gpgVerifySummary: true,
          settings: { 'xa.title': 'A; title' },
        },
      ],
    ],
  ])('writes %s as the command does', async (_, cli, [url, options]) => {
    const [ours, theirs] = await bothConfigs(['add', ...cli], (repo) =>
      repo.remotes.add('origin', url, options),
    );
    expect(ours).toBe(theirs);
    expect(ours).toContain('[remote "origin"]');
  });

  it('refuses a second one with EXISTS, unless told what to do', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('origin', 'http://a/', { gpgVerify: false });
    await expect(repo.remotes.add('origin', 'http://b/')).rejects.toMatchObject({
      code: 'EXISTS',
      remote: 'origin',
    });
    await repo.remotes.add('origin', 'http://c/', { ifNotExists: true });
    expect(await repo.remotes.get('origin')).toMatchObject({ url: 'http://a/', gpgVerify: false });
    await repo.remotes.add('origin', 'http://d/', { replace: true });
    expect(await repo.remotes.get('origin')).toMatchObject({ url: 'http://d/', gpgVerify: true });
  });

  it('imports keys, or adds nothing', async () => {
    const { path } = await cliRepo();
    const key = await gpgKey();
    await using repo = await Repo.open(path);
    await repo.remotes.add('good', 'http://h/', { gpgKeys: key.publicKey });
    expect((await repo.remotes.gpgKeys('good')).map((k) => k.fingerprint)).toEqual([key.keyId]);
    await expect(repo.remotes.add('bad', 'http://h/', { gpgKeys: ['/no/such/key'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/no/such/key',
    });
    expect((await repo.remotes.list()).map((r) => r.name)).toEqual(['good']);
  });

  it('leaves what was there where the keys cannot be imported', async () => {
    const key = await gpgKey();
    const bad = { gpgKeys: ['/no/such/key'] };
    const missing = { code: 'NOT_FOUND', path: '/no/such/key' };
    const { path } = await cliRepo();
    const dir = await temporaryDirectory();
    for (const options of [{}, { remotesConfigDir: dir }]) {
      await using repo = await Repo.open(path, options);
      await repo.config.set('core.add-remotes-config-dir', 'remotesConfigDir' in options);
      await repo.reload();
      await repo.remotes.add('origin', 'http://a/', { gpgKeys: key.publicKey, settings: { extra: 'kept' } });
      const before = await filesOf(path, dir);
      for (const how of [{ replace: true }, { ifNotExists: true }, {}]) {
        const added = repo.remotes.add('origin', 'http://b/', { ...bad, ...how });
        await expect(added).rejects.toMatchObject('ifNotExists' in how || 'replace' in how ? missing : {});
        expect(await filesOf(path, dir)).toEqual(before);
        await expect(repo.remotes.add('other', 'http://b/', { ...bad, ...how })).rejects.toMatchObject(
          missing,
        );
        expect(await filesOf(path, dir)).toEqual(before);
      }
      expect(await repo.remotes.gpgKeys('origin')).toHaveLength(1);
      expect((await repo.remotes.list()).map(({ name, url }) => [name, url])).toEqual([
        ['origin', 'http://a/'],
      ]);
      await repo.remotes.remove('origin');
    }
  });

  it('writes into the directory for remotes where the repository has one', async () => {
    const { path } = await cliRepo();
    const dir = await temporaryDirectory();
    {
      await using repo = await Repo.open(path);
      await repo.config.set('core.add-remotes-config-dir', true);
    }
    await using repo = await Repo.open(path, { remotesConfigDir: dir });
    await repo.remotes.add('origin', 'http://h/', { settings: { extra: 'kept' } });
    expect(await readFile(join(dir, 'origin.conf'), 'utf8')).toContain('url=http://h/');
    expect(await configOf(path)).not.toContain('origin');
    await repo.remotes.setOptions('origin', { gpgVerify: false });
    expect(await repo.remotes.get('origin')).toMatchObject({ gpgVerify: false, settings: { extra: 'kept' } });
    await repo.remotes.remove('origin');
    expect(await repo.remotes.list()).toEqual([]);
  });

  it('loses none of twenty added at once', async () => {
    const { path, ostree } = await cliRepo();
    await using repo = await Repo.open(path);
    const names = Array.from({ length: 20 }, (_, i) => `r${String(i).padStart(2, '0')}`);
    await Promise.all(names.map((name) => repo.remotes.add(name, `http://${name}/`)));
    expect((await ostree('remote', 'list')).split('\n')).toEqual(names);
  });

  it.each<[string, string | null, object]>([
    ['', 'http://h/', {}],
    ['../x', 'http://h/', {}],
    ['a/b', 'http://h/', {}],
    ['a"]\n[core', 'http://h/', {}],
    ['o', '', {}],
    ['o', '/srv/repo', {}],
    ['o', 'ftp://h/', {}],
    ['o', 'http://h/a b', {}],
    ['o', 'http://h/\nurl=x', {}],
    ['o', null, {}],
    ['o', 'http://h/', { branches: ['a//b'] }],
    ['o', 'http://h/', { branches: 'main' }],
    ['o', 'http://h/', { contentUrl: 'nonsense' }],
    ['o', 'http://h/', { collectionId: 'nodots' }],
    ['o', 'http://h/', { gpgVerify: 'false' }],
    ['o', 'http://h/', { signVerify: ['rot13'] }],
    ['o', 'http://h/', { signVerify: [] }],
    ['o', 'http://h/', { verificationKeys: { rot13: { key: 'x' } } }],
    ['o', 'http://h/', { tlsClientCertPath: '/c' }],
    ['o', 'http://h/', { settings: { n: 5 } }],
    ['o', 'http://h/', { settings: { 'a=b': 'x' } }],
    ['o', 'http://h/', { settings: { 'gpg-verify': false } }],
    ['o', 'http://h/', { ifNotExists: true, replace: true }],
    ['o', 'http://h/', { gpgKeys: '' }],
    ['o', 'http://h/', { gpgKeys: 5 }],
    ['o', 'http://h/', { proxy: 'http://p\r\nx' }],
  ])('refuses add(%j, %j, %j) and writes nothing', async (name, url, options) => {
    const { path } = await cliRepo();
    const before = await configOf(path);
    await using repo = await Repo.open(path);
    await expect(repo.remotes.add(name, url, options)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/),
    });
    expect(await configOf(path)).toBe(before);
  });
});

describe('remotes.list, get, setOptions, remove', () => {
  it('read what the command wrote', async () => {
    const { path, ostree } = await cliRepo();
    await ostree('remote', 'add', '--set=foo=bar', '--no-gpg-verify', 'b', 'http://b/', 'main', 'next');
    await ostree('remote', 'add', '--sign-verify=dummy=inline:K', 'a', 'metalink=http://a/m');
    await using repo = await Repo.open(path);
    expect(await repo.remotes.list()).toEqual([
      { name: 'a', url: 'metalink=http://a/m' },
      { name: 'b', url: 'http://b/' },
    ]);
    expect(await repo.remotes.get('b')).toEqual({
      name: 'b',
      url: 'http://b/',
      metalink: null,
      contentUrl: null,
      collectionId: null,
      branches: ['main', 'next'],
      gpgVerify: false,
      gpgVerifySummary: false,
      gpgKeyPath: [],
      signVerify: false,
      signVerifySummary: false,
      verificationKeys: {},
      proxy: null,
      http2: null,
      tlsPermissive: false,
      tlsClientCertPath: null,
      tlsClientKeyPath: null,
      tlsCaPath: null,
      customBackend: null,
      unconfiguredState: null,
      settings: { foo: 'bar' },
    });
    expect(await repo.remotes.get('a')).toMatchObject({
      url: null,
      metalink: 'http://a/m',
      gpgVerify: true,
      signVerify: ['dummy'],
      verificationKeys: { dummy: { key: 'K' } },
    });
  });

  it('change some options, remove some, keep the rest', async () => {
    const { path, ostree } = await cliRepo();
    await ostree('remote', 'add', '--set=foo=bar', '--set=proxy=http://p/', 'o', 'http://o/', 'main');
    await using repo = await Repo.open(path);
    await repo.remotes.setOptions('o', {
      url: 'http://new/',
      proxy: null,
      branches: ['next'],
      gpgVerify: false,
    });
    const section = (await configOf(path)).split('[remote "o"]\n')[1];
    expect(section).toBe('url=http://new/\nbranches=next;\nfoo=bar\ngpg-verify=false\n');
    await repo.remotes.setOptions('o', { url: 'metalink=http://m/', branches: null });
    expect(await repo.remotes.get('o')).toMatchObject({ url: null, metalink: 'http://m/', branches: [] });
  });

  it('remove a remote with its keys, as the command does', async () => {
    const { path, ostree } = await cliRepo();
    const key = await gpgKey();
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', 'http://o/', { gpgKeys: key.publicKeyBytes });
    await readFile(join(path, 'o.trustedkeys.gpg'));
    await repo.remotes.remove('o');
    await expect(readFile(join(path, 'o.trustedkeys.gpg'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await ostree('remote', 'list')).toBe('');
    await expect(repo.remotes.remove('o')).rejects.toMatchObject({ code: 'NOT_FOUND', remote: 'o' });
    await repo.remotes.remove('o', { ifExists: true });
  });

  it('reject with NOT_FOUND and the name for a remote that is not there', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    const missing = { code: 'NOT_FOUND', remote: 'none' };
    await expect(repo.remotes.get('none')).rejects.toMatchObject(missing);
    await expect(repo.remotes.setOptions('none', { gpgVerify: false })).rejects.toMatchObject(missing);
    await expect(repo.remotes.gpgKeys('none')).rejects.toMatchObject(missing);
    await expect(repo.remotes.refs('none')).rejects.toMatchObject(missing);
    await expect(repo.remotes.summary('none')).rejects.toMatchObject(missing);
  });

  it('refuse bad arguments', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    const bad = { code: 'ERR_INVALID_ARG_VALUE' };
    await expect(repo.remotes.get('../config')).rejects.toMatchObject(bad);
    await expect(repo.remotes.remove('a b')).rejects.toMatchObject(bad);
    await expect(repo.remotes.setOptions('o', { url: 'nonsense' })).rejects.toMatchObject(bad);
    await expect(repo.remotes.refs('o', { overrideUrl: 'gopher://x' })).rejects.toMatchObject(bad);
    await expect(repo.remotes.refs('o', { httpHeaders: { 'A b': 'x' } })).rejects.toMatchObject(bad);
    await expect(repo.remotes.refs('o', { httpHeaders: { A: 'x\r\nB: y' } })).rejects.toMatchObject(bad);
    await expect(repo.remotes.summary('o', { networkRetries: -1 })).rejects.toMatchObject(bad);
    await expect(repo.remotes.list({ signal: AbortSignal.abort('stop') })).rejects.toBe('stop');
  });
});

describe('remotes.importGpgKeys and gpgKeys', () => {
  it('takes armoured text, bytes and files, and counts what is new', async () => {
    const { path, ostree } = await cliRepo();
    const home = await gpgHome();
    const [a, b, c] = [
      await gpgKey('A <a@example.org>', { home }),
      await gpgKey('B <b@example.org>', { home }),
      await gpgKey('C <c@example.org>', { home, expires: '2035-01-01' }),
    ];
    const file = join(home.path, 'c.asc');
    await writeFile(file, c.publicKey);
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', 'http://o/');
    expect(await repo.remotes.importGpgKeys('o', a.publicKey)).toBe(1);
    expect(await repo.remotes.importGpgKeys('o', a.publicKey)).toBe(0);
    expect(await repo.remotes.importGpgKeys('o', b.publicKeyBytes)).toBe(1);
    expect(await repo.remotes.importGpgKeys('o', file)).toBe(1);
    await repo.remotes.add('mixed', 'http://o/');
    expect(await repo.remotes.importGpgKeys('mixed', [a.publicKey, b.publicKeyBytes, file])).toBe(3);
    const keys = await repo.remotes.gpgKeys('o');
    expect(keys.map((key) => key.fingerprint)).toEqual([a.keyId, b.keyId, c.keyId]);
    expect(keys[0]?.userIds[0]).toMatchObject({ name: 'A', email: 'a@example.org', revoked: false });
    expect(keys[0]?.subkeys[0]?.expires).toBeNull();
    expect(keys[2]?.subkeys[0]?.expires?.getUTCFullYear()).toBe(2035);
    expect(Math.abs((keys[0]?.subkeys[0]?.created.getTime() ?? 0) - Date.now())).toBeLessThan(120_000);
    const listed = await ostree('remote', 'gpg-list-keys', 'o');
    for (const key of [a, b, c]) expect(listed).toContain(key.keyId);
  });

  it('imports only the keys asked for', async () => {
    const { path } = await cliRepo();
    const home = await gpgHome();
    const a = await gpgKey('A <a@example.org>', { home });
    const b = await gpgKey('B <b@example.org>', { home });
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', 'http://o/');
    const both = Buffer.concat([a.publicKeyBytes, b.publicKeyBytes]);
    expect(await repo.remotes.importGpgKeys('o', both, { keyIds: [b.keyId] })).toBe(1);
    expect((await repo.remotes.gpgKeys('o')).map((key) => key.fingerprint)).toEqual([b.keyId]);
    const stranger = 'F'.repeat(40);
    await expect(repo.remotes.importGpgKeys('o', both, { keyIds: [stranger] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      remote: 'o',
    });
  });

  it('refuses bad arguments and what is no key', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', 'http://o/');
    const bad = { code: 'ERR_INVALID_ARG_VALUE' };
    await expect(repo.remotes.importGpgKeys('o', '')).rejects.toMatchObject(bad);
    await expect(repo.remotes.importGpgKeys('o', '/no/such/key')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/no/such/key',
    });
    await expect(repo.remotes.importGpgKeys('o', [])).rejects.toMatchObject(bad);
    await expect(
      repo.remotes.importGpgKeys('o', Buffer.from('x'), { keyIds: ['--help'] }),
    ).rejects.toMatchObject(bad);
    await expect(repo.remotes.importGpgKeys('none', Buffer.from('x'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(repo.remotes.importGpgKeys('o', Buffer.from('garbage'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('remotes.refs and summary', () => {
  it.skipIf(!isRoot)(
    `work where only the cache can be written${isRoot ? '' : ' (skipped: only root can make mounts)'}`,
    async () => {
      const server = await cliRepo();
      const main = await server.commit('main', { a: '1' });
      await server.ostree('summary', '--update');
      const { url } = await nginx(server.path);
      const { path, ostree } = await cliRepo();
      await ostree('remote', 'add', '--no-gpg-verify', 'o', url);
      const [readOnly, cacheDir] = [await temporaryDirectory(), await temporaryDirectory()];
      await execa('mount', ['--bind', path, readOnly]);
      onTestFinished(async () => void (await execa('umount', ['--lazy', readOnly])));
      await execa('mount', ['-o', 'remount,bind,ro', readOnly]);
      for (const options of [{}, { cacheDir }]) {
        await using repo = await Repo.open(readOnly, options);
        expect(await repo.remotes.refs('o')).toMatchObject([{ ref: 'main', checksum: main }]);
      }
      expect(await readdir(cacheDir)).toEqual([]);
    },
  );

  it('tells what a server offers, as the command does', async () => {
    const server = await cliRepo();
    const main = await server.commit('main', { a: '1' }, '--add-metadata-string=version=1.2');
    await server.commit('os/x86_64/next', { a: '2' });
    await server.ostree('summary', '--update');
    const { url } = await nginx(server.path);
    const { path, ostree } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', url, { gpgVerify: false });
    const refs = await repo.remotes.refs('o');
    expect(refs.map((ref) => `o:${ref.ref}`).join('\n')).toBe(await ostree('remote', 'refs', 'o'));
    expect(refs[0]).toMatchObject({ ref: 'main', checksum: main });
    expect(Math.abs((refs[0]?.timestamp?.getTime() ?? 0) - Date.now())).toBeLessThan(120_000);
    const summary = await repo.remotes.summary('o');
    expect(Buffer.from(summary.bytes)).toEqual(await readFile(join(server.path, 'summary')));
    expect(summary.signatures).toBeNull();
    expect(summary.metadata).toHaveProperty('ostree.summary.mode', 'archive-z2');
    expect(JSON.parse(JSON.stringify(summary))).toMatchObject({ refs: [{ ref: 'main' }, {}] });
  });

  it('rejects with NOT_FOUND when the server has no summary', async () => {
    const server = await cliRepo();
    const { url } = await nginx(server.path);
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', url, { gpgVerify: false });
    await expect(repo.remotes.refs('o')).rejects.toMatchObject({ code: 'NOT_FOUND', remote: 'o' });
  });

  it('verifies the summary where the remote says so', async () => {
    const server = await cliRepo();
    const key = await gpgKey();
    await server.commit('main', { a: '1' });
    await server.ostree('summary', '-u', `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    const { url } = await nginx(server.path);
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('good', url, { gpgVerifySummary: true, gpgKeys: key.publicKey });
    expect((await repo.remotes.summary('good')).signatures?.length).toBeGreaterThan(0);
    const other = await gpgKey();
    await repo.remotes.add('bad', url, { gpgVerifySummary: true, gpgKeys: other.publicKey });
    await expect(repo.remotes.summary('bad')).rejects.toMatchObject({ code: 'SIGNATURE', remote: 'bad' });
  });
});

describe('remotes.cookies', () => {
  it('are written and read as by the command', async () => {
    const ours = await cliRepo();
    const theirs = await cliRepo();
    for (const { ostree } of [ours, theirs]) await ostree('remote', 'add', 'o', 'http://o/');
    await theirs.ostree('remote', 'add-cookie', 'o', '.example.org', '/repo', 'token', 'abc=');
    await using repo = await Repo.open(ours.path);
    await repo.remotes.cookies.add('o', {
      domain: '.example.org',
      path: '/repo',
      name: 'token',
      value: 'abc=',
    });
    const jar = async (path: string) => await readFile(join(path, 'o.cookies.txt'), 'utf8');
    const noTime = (text: string) => text.replace(/\t\d+\t/, '\tTIME\t');
    expect(noTime(await jar(ours.path))).toBe(noTime(await jar(theirs.path)));
    const time = (text: string) => Number(/\t(\d+)\t/.exec(text)?.[1]);
    expect(Math.abs(time(await jar(ours.path)) - time(await jar(theirs.path)))).toBeLessThan(120);

    await using other = await Repo.open(theirs.path);
    expect(await other.remotes.cookies.list('o')).toMatchObject([
      { domain: '.example.org', path: '/repo', name: 'token', value: 'abc=', secure: false },
    ]);
  });

  it('are removed one by one, and what is no cookie stays', async () => {
    const { path, ostree } = await cliRepo();
    await ostree('remote', 'add', 'o', 'http://o/');
    await writeFile(join(path, 'o.cookies.txt'), '# Netscape HTTP Cookie File\n', { mode: 0o600 });
    await using repo = await Repo.open(path);
    const a = {
      domain: 'h',
      path: '/',
      name: 'a',
      value: '1',
      secure: true,
      expires: new Date('2040-01-01'),
    };
    const b = { ...a, name: 'b' };
    await repo.remotes.cookies.add('o', a);
    await repo.remotes.cookies.add('o', b);
    expect(await repo.remotes.cookies.list('o')).toEqual([a, b]);
    await repo.remotes.cookies.remove('o', { domain: 'h', path: '/', name: 'a' });
    expect(await repo.remotes.cookies.list('o')).toEqual([b]);
    expect(await readFile(join(path, 'o.cookies.txt'), 'utf8')).toMatch(/^# Netscape/);
    await expect(repo.remotes.cookies.remove('o', a)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuse bad arguments', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await repo.remotes.add('o', 'http://o/');
    const good = { domain: 'h', path: '/', name: 'a', value: '1' };
    const { cookies } = repo.remotes;
    const bad = { code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/) };
    await expect(cookies.add('o', { ...good, value: 'a\tb' })).rejects.toMatchObject(bad);
    await expect(cookies.add('o', { ...good, name: '' })).rejects.toMatchObject(bad);
    await expect(cookies.add('o', { ...good, domain: '#h' })).rejects.toMatchObject(bad);
    await expect(cookies.add('o', { ...good, expires: 5 as never })).rejects.toMatchObject(bad);
    await expect(cookies.add('../o', good)).rejects.toMatchObject(bad);
    await expect(cookies.add('none', good)).rejects.toMatchObject({ code: 'NOT_FOUND', remote: 'none' });
    await expect(cookies.list('none')).rejects.toMatchObject({ code: 'NOT_FOUND', remote: 'none' });
  });
});
