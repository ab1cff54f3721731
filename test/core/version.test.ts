import { inspect } from 'node:util';

import { execa } from 'execa';
import { features, version } from 'ostree';
import { describe, expect, expectTypeOf, it } from 'vitest';

import packageJson from '../../package.json' with { type: 'json' };
import { ostree } from '../support/repo.js';

describe('version', () => {
  it('says what the command says of the same library', async () => {
    expect(/Version: '(.*)'/.exec(await ostree('--version'))?.[1]).toBe(version.libostree);
  });

  it("is GLib's and the package's own", async () => {
    const { stdout } = await execa('pkg-config', ['--modversion', 'glib-2.0']);
    expect(version.glib).toBe(stdout);
    expect(version.addon).toBe(packageJson.version);
    expect(version.sha256).toMatch(/^(openssl \d+\.\d+\.\d+|glib$)/);
  });

  it('prints, for people and for JSON', () => {
    expect(Object.keys(version)).toEqual(['libostree', 'glib', 'addon', 'sha256']);
    expect(inspect(version)).toContain(`libostree: '${version.libostree}'`);
    expect(JSON.parse(JSON.stringify(version))).toEqual({ ...version });
    expect(() => Object.assign(version, { glib: '0' })).toThrow(TypeError);
  });
});

describe('features', () => {
  // What the command calls them, in the list that is compiled into it.
  it.each([
    ['gpg', /^gpgme$/],
    ['ed25519', /^sign-ed25519$/],
    ['spki', /^sign-spki$/],
    ['composefs', /^composefs$/],
    ['http', /^lib(curl|soup3?)$/],
    ['libarchive', /^libarchive$/],
    ['selinux', /^selinux$/],
    ['avahi', /^avahi$/],
  ] as const)('%s is what the command lists', async (feature, name) => {
    const listed = [...(await ostree('--version')).matchAll(/^ +- (\S+)$/gm)].map((match) => match[1] ?? '');
    expect(listed).toContain('libmount');
    expect(features[feature]).toBe(listed.some((entry) => name.test(entry)));
  });

  it.each([
    ['softReboot', 2025, 3],
    ['kexec', 2025, 1],
  ] as const)('%s cannot be told of a library that has the function', (feature, sinceYear, sinceRelease) => {
    const [year = 0, release = 0] = version.libostree.split('.').map(Number);
    const older = year < sinceYear || (year === sinceYear && release < sinceRelease);
    expect(features[feature]).toBe(older ? false : 'unknown');
  });

  it('prints, for people and for JSON', () => {
    expect(inspect(features)).toContain('gpg: true');
    expect(JSON.parse(JSON.stringify(features))).toEqual({ ...features });
    expectTypeOf(features.gpg).toEqualTypeOf<boolean | 'unknown'>();
  });
});
