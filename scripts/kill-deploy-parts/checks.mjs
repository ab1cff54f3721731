// Whether a sysroot boots, as a boot loader and an initramfs would find out: none of this asks libostree.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

import { deploymentsOf, ostree } from './sysroots.mjs';

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

const hash = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Every path below a directory with its type, mode, owner and content; without `skip` at the top. */
export function manifest(dir, skip) {
  const found = {};
  for (const name of readdirSync(dir, { recursive: true }).sort()) {
    if (skip && (name === skip || name.startsWith(`${skip}/`))) continue;
    const stat = lstatSync(join(dir, name));
    const how = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`;
    if (stat.isSymbolicLink()) found[name] = `${how} -> ${readlinkSync(join(dir, name))}`;
    else found[name] = stat.isFile() ? `${how} ${hash(join(dir, name))}` : how;
  }
  return found;
}

function same(actual, expected, what) {
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const difference = `${what}: ${name} is ${actual[name]} in place of ${expected[name]}`;
    check(actual[name] === expected[name], difference);
  }
}

/** The boot loader's entries, the default one first. */
export function bootEntries(sysroot) {
  const dir = join(sysroot, 'boot/loader/entries');
  return readdirSync(dir)
    .map((name) => {
      const text = readFileSync(join(dir, name), 'utf8');
      const field = (key) => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? '';
      const options = field('options').split(' ');
      const target = options.find((option) => option.startsWith('ostree='))?.slice(7);
      check(target, `${name} has no ostree=: ${text}`);
      const order = Number(field('version'));
      return { name, order, options, target, linux: field('linux'), initrd: field('initrd') };
    })
    .sort((a, b) => b.order - a.order);
}

/** What an entry boots, which must be whole; the result is the path of the deployment and its version. */
function bootedBy(entry, sysroot, sysroots) {
  const root = realpathSync(join(sysroot, entry.target));
  const path = relative(realpathSync(sysroot), root);
  const [checksum] = basename(path).split('.');
  const version = Object.keys(sysroots.versions).find((key) => sysroots.versions[key] === checksum);
  check(version, `${entry.name} boots ${path}, which nobody deployed`);
  const reference = sysroots.reference(version);
  const [kernel] = readdirSync(join(reference, 'usr/lib/modules'));
  const modules = join(reference, 'usr/lib/modules', kernel);
  for (const [file, shipped] of [
    [entry.linux, 'vmlinuz'],
    [entry.initrd, 'initramfs.img'],
  ]) {
    check(file !== '', `${entry.name} has no ${shipped}`);
    const booted = hash(join(sysroot, 'boot', file));
    check(booted === hash(join(modules, shipped)), `${file} is not the ${shipped} of version ${version}`);
  }
  same(manifest(root, 'etc'), manifest(reference), `the checkout of version ${version}`);
  const etc = Object.entries(manifest(join(root, 'etc'))).filter(
    ([name]) => !lstatSync(join(root, 'etc', name)).isDirectory(),
  );
  const texts = Object.fromEntries(
    etc.map(([name]) => [name, readFileSync(join(root, 'etc', name), 'utf8')]),
  );
  same(texts, sysroots.etcOf(version), `/etc of version ${version}`);
  const origin = readFileSync(`${root}.origin`, 'utf8');
  check(/^refspec=/m.test(origin), `the origin of version ${version} is '${origin}'`);
  return { path, version, options: entry.options };
}

/** Everything in the boot loader's menu, the default first: all of it boots, and the command says the same. */
export async function checkBoots(sysroot, sysroots) {
  const entries = bootEntries(sysroot);
  check(entries.length > 0, 'there is no boot entry');
  const booted = entries.map((entry) => bootedBy(entry, sysroot, sysroots));
  const status = await ostree('admin', `--sysroot=${sysroot}`, 'status');
  const shown = [...status.matchAll(/^\W*tiny ([0-9a-f]{64}\.\d+)/gm)].map((match) => match[1]);
  const names = booted.map(({ path }) => basename(path));
  check(
    shown.join() === names.join(),
    `'ostree admin status' shows ${shown.join()}; the entries are ${names.join()}`,
  );
  check(
    readFileSync(join(sysroot, 'ostree/deploy/tiny/var/kept'), 'utf8') === 'kept',
    '/var is not as it was',
  );
  return booted;
}

/** Nothing is there that no boot entry needs. */
export function checkClean(sysroot, booted) {
  const paths = booted.map(({ path }) => path).sort();
  check(deploymentsOf(sysroot).sort().join() === paths.join(), `there are ${deploymentsOf(sysroot).join()}`);
  const origins = readdirSync(join(sysroot, 'ostree/deploy/tiny/deploy')).filter((name) =>
    name.endsWith('.origin'),
  );
  check(origins.length === paths.length, `there are ${origins.join()}`);
  const boots = bootEntries(sysroot);
  const kernels = new Set(boots.map(({ linux }) => linux.split('/')[2]));
  const there = readdirSync(join(sysroot, 'boot/ostree'));
  check(there.length === kernels.size, `/boot/ostree has ${there.join()}; needed: ${[...kernels].join()}`);
  const links = [join(sysroot, 'boot/loader'), join(sysroot, 'ostree', boots[0].target.split('/')[2])];
  const wanted = [...links, ...links.map((link) => realpathSync(link))].map((path) => basename(path));
  const left = ['boot', 'ostree']
    .flatMap((dir) => readdirSync(join(sysroot, dir)))
    .filter((name) => /^(loader|boot)\b./.test(name) && !wanted.includes(name));
  check(left.length === 0, `${left.join()} is left`);
  check(existsSync(join(sysroot, 'boot/loader')), 'there is no boot/loader');
}
