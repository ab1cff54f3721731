// An operating system from a server onto a disk: pulled with its signatures checked, deployed into a directory, and that
// directory made a file system's image. Nothing is mounted, so it needs no loop device.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { type Deployment, Sysroot } from 'ostree';

import { interruption } from './support/stage.js';

const HELP = `
Makes an ext4 image with an operating system deployed in it, which a machine
boots from with a boot loader that reads /boot/loader/entries, or with one that
--bootloader names.

Usage: node disk-image.js --url URL --ref REF --gpg-key FILE [options] IMAGE

  --url URL          the repository to pull from
  --ref REF          the branch to pull, deploy, and follow from then on
  --gpg-key FILE     the public keys that commits must be signed with
  --device-url URL   what the device calls the repository; else --url
  --stateroot NAME   the name of the operating system on the disk; else 'os'
  --karg ARG         a kernel argument, once for each; else root=LABEL=root rw
  --etc DIR          files for /etc of this device, on top of what is shipped
  --set KEY=VALUE    a setting of the device's repository, such as
                     sysroot.readonly=true
  --bootloader NAME  none (unless given), grub2, syslinux, …
  --size SIZE        of the image: 2G unless given; it is sparse
  --help             this

Run it as root, or where unshare makes you root (docs/provisioning.md): the files
of an operating system belong to root.
`;

const REMOTE = 'origin';

interface Request {
  url: string;
  ref: string;
  gpgKey: string;
  deviceUrl: string;
  stateroot: string;
  kernelArgs: string[];
  etc: string | undefined;
  settings: [key: string, value: string][];
  size: string;
  image: string;
}

function refuse(message: string): never {
  process.stderr.write(`disk-image: ${message}\nTry --help.\n`);
  process.exit(2);
}

function readFlags(): Request {
  const text = { type: 'string' } as const;
  const list = { type: 'string', multiple: true } as const;
  const parse = () =>
    parseArgs({
      allowPositionals: true,
      options: {
        ...{ url: text, ref: text, 'gpg-key': text, 'device-url': text, stateroot: text, etc: text },
        ...{ karg: list, set: list, bootloader: text, size: text },
        help: { type: 'boolean', short: 'h' },
      },
    });
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(HELP.trimStart());
    process.exit(0);
  }
  const { url, ref, 'gpg-key': gpgKey } = values;
  const [image] = positionals;
  if (url === undefined || ref === undefined || gpgKey === undefined)
    return refuse('--url, --ref and --gpg-key are needed.');
  if (image === undefined || positionals.length > 1) return refuse('the name of one image is needed.');
  const settings = (values.set ?? []).map((setting): [string, string] => {
    const equals = setting.indexOf('=');
    return equals > 0 ? [setting.slice(0, equals), setting.slice(equals + 1)] : refuse(`--set ${setting}?`);
  });
  return {
    ...{ url, ref, gpgKey, image: resolve(image), etc: values.etc },
    deviceUrl: values['device-url'] ?? url,
    stateroot: values.stateroot ?? 'os',
    kernelArgs: values.karg ?? ['root=LABEL=root', 'rw'],
    settings: [['sysroot.bootloader', values.bootloader ?? 'none'], ...settings],
    size: values.size ?? '2G',
  };
}

/** Makes an empty directory the root of a disk with the operating system on it. */
async function install(disk: string, request: Request, signal: AbortSignal): Promise<Deployment> {
  const { url, ref, stateroot, kernelArgs } = request;
  await using sysroot = await Sysroot.init(disk, { epoch: 1, signal });
  await sysroot.initStateroot(stateroot, { signal });
  for (const [key, value] of request.settings) await sysroot.repo.config.set(key, value, { signal });
  await sysroot.repo.remotes.add(REMOTE, request.deviceUrl, { gpgVerify: true, signal });
  const keys = await readFile(request.gpgKey);
  await sysroot.repo.remotes.importGpgKeys(REMOTE, keys, { signal });
  await sysroot.repo.pull(REMOTE, { refs: [ref], overrideUrl: url, signal });
  const refspec = `${REMOTE}:${ref}`;
  const deployment = await sysroot.deploy(refspec, { stateroot, origin: refspec, kernelArgs, signal });
  if (request.etc !== undefined)
    await cp(request.etc, join(deployment.path, 'etc'), { recursive: true, verbatimSymlinks: true });
  return deployment;
}

/** Makes a directory a file system. mkfs.ext4 makes the file, too. */
async function makeImage(disk: string, { image, size }: Request, signal: AbortSignal): Promise<void> {
  await rm(image, { force: true });
  const options = ['-q', '-L', 'root', '-m', '0', '-E', 'root_owner=0:0', '-d', disk];
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  await promisify(execFile)('mkfs.ext4', [...options, image, size], {
    signal,
    env: { ...process.env, PATH },
  });
}

async function main(): Promise<void> {
  const request = readFlags();
  const signal = interruption();
  // An immutable directory could not be removed below. The flag would not get into the image anyhow.
  process.env['OSTREE_SYSROOT_DEBUG'] ??= 'mutable-deployments';
  const disk = await mkdtemp(join(tmpdir(), 'disk-image-'));
  try {
    const { id, version } = await install(disk, request, signal);
    await makeImage(disk, request, signal);
    process.stdout.write(`${request.image}: version ${version}, deployment ${id}\n`);
  } finally {
    await rm(disk, { recursive: true, force: true });
  }
}

await main();
