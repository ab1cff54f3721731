// A server is provisioned from an immutable base and a branch of its own, and
// then upgraded and rolled back: the whole way from files to a deployment.
//
//   scripts/quickstart [--json] [--keep DIR]
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type CommitOptions, OstreeError, Repo, type Signer, Sysroot } from 'ostree';

import { makeKey } from './support/gpg.js';
import { serve } from './support/nginx.js';
import { osTree } from './support/os-tree.js';
import { megabytes, Report } from './support/report.js';

const BASE = 'os/base';
const SERVER = 'os/server';
const STATEROOT = 'demo';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    keep: { type: 'string' },
    kernel: { type: 'string' },
  },
});
const report = new Report(flags.json);

async function sizeOf(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name))),
  );
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** (a), (b), (c): commits one branch and signs it, showing how far it is. */
async function publish(repo: Repo, name: string, signer: Signer, options: CommitOptions): Promise<string> {
  const commit = await report.step(
    name,
    () =>
      repo.commit({
        ...options,
        onProgress: ({ files, totalFiles, bytes }) =>
          report.progress(totalFiles ? files / totalFiles : undefined, `${files} files, ${megabytes(bytes)}`),
      }),
    ({ checksum, stats }) => ({
      commit: checksum.slice(0, 12),
      objects: stats.contentObjects,
      written: stats.contentWritten,
    }),
  );
  await repo.sign(commit.checksum, signer);
  return commit.checksum;
}

/** (b): what makes the base a server. */
async function overlay(scratch: string, version: string): Promise<string> {
  const dir = await mkdtemp(join(scratch, 'overlay-'));
  await mkdir(join(dir, 'usr/etc'), { recursive: true });
  await mkdir(join(dir, 'usr/lib'), { recursive: true });
  await writeFile(join(dir, 'usr/etc/motd'), `Welcome to the server, version ${version}.\n`);
  await writeFile(join(dir, 'usr/etc/server.conf'), `version=${version}\nworkers=4\n`);
  await writeFile(
    join(dir, 'usr/lib/os-release'),
    `NAME=Demo\nID=demo\nVERSION_ID=${version}\nPRETTY_NAME="Demo ${version}"\n`,
  );
  return dir;
}

async function main(): Promise<void> {
  const started = performance.now();
  const home = flags.keep ?? (await mkdtemp(join(tmpdir(), 'ostree-demo-')));
  await mkdir(home, { recursive: true });
  const scratch = join(home, 'scratch');
  await mkdir(scratch);

  await using key = await makeKey('release');
  const signer: Signer = { type: 'gpg', keyId: key.keyId, homedir: key.homedir };

  // (a) the base branch of an archive repository
  await using repo = await Repo.create(join(home, 'repo'), { mode: 'archive' });
  await repo.config.set('archive.zlib-level', 1);
  const tree = await osTree(scratch, flags.kernel);
  await publish(repo, 'commit the base branch from this machine’s files', signer, {
    branch: BASE,
    subject: 'Base',
    tree: tree.sources,
    bootable: true,
  });
  if (tree.kernel === 'stand-in') report.say('(no kernel package was to be had: a stand-in takes its place)');

  // (b) the server's branch: the base and an overlay; (c) both are signed, and so is the summary
  const publishServer = async (version: string) =>
    await publish(repo, `commit the server’s branch, version ${version}: base + overlay`, signer, {
      branch: SERVER,
      subject: `Server ${version}`,
      version,
      tree: [{ ref: BASE }, { dir: await overlay(scratch, version) }],
      bootable: true,
    });
  await publishServer('1.0');
  await report.step('sign and write the summary', () => repo.summary.regenerate({ sign: signer }));

  // (d) the repository, behind a real server
  await using server = await serve(repo.path);

  // (e) a device that trusts the key, and nothing else
  const device = join(home, 'device');
  await mkdir(device);
  await using sysroot = await report.step('initialise the device', async () => {
    await Sysroot.init(device);
    const opened = await Sysroot.open(device);
    await opened.initStateroot(STATEROOT);
    await opened.repo.config.set('sysroot.bootloader', 'none');
    await opened.repo.remotes.add('origin', server.url, { gpgVerify: true });
    await opened.repo.remotes.importGpgKeys('origin', key.publicKey);
    return opened;
  });
  await report.step(
    `pull ${SERVER}, verified`,
    () =>
      sysroot.repo.pull('origin', {
        refs: [SERVER],
        onProgress: ({ fetched, requested, bytesTransferred }) =>
          report.progress(
            requested ? fetched / requested : undefined,
            `${fetched}/${requested} objects, ${megabytes(bytesTransferred)}`,
          ),
      }),
    ({ bytesTransferred }) => ({ transferred: megabytes(bytesTransferred) }),
  );
  const first = await report.step(
    'deploy it',
    () =>
      sysroot.deploy(`origin:${SERVER}`, {
        stateroot: STATEROOT,
        origin: `origin:${SERVER}`,
        kernelArgs: ['root=LABEL=root', 'rw', 'quiet'],
      }),
    ({ id, version, kernelArgs }) => ({
      deployment: id.slice(0, 24),
      version,
      kernelArgs: kernelArgs.join(' '),
    }),
  );

  // (f) somebody changes the device's /etc
  await writeFile(join(first.path, 'etc/server.conf'), 'version=1.0\nworkers=16\n');
  await writeFile(join(first.path, 'etc/hostname'), 'server-42\n');

  // (g) an update is published, and the device upgraded
  await publishServer('2.0');
  await repo.summary.regenerate({ sign: signer });
  const upgrade = await report.step(
    'upgrade the device',
    () => sysroot.upgrade({ stateroot: STATEROOT }),
    ({ changed, checksum }) => ({ changed, commit: checksum.slice(0, 12) }),
  );
  const second = sysroot.deployments[0];
  if (!upgrade.changed || !second) throw new Error('the upgrade brought nothing');
  const survived = await readFile(join(second.path, 'etc/server.conf'), 'utf8');
  const motd = await readFile(join(second.path, 'etc/motd'), 'utf8');
  if (!survived.includes('workers=16')) throw new Error('the change of /etc was lost');
  if (!motd.includes('version 2.0')) throw new Error('the new default of /etc was not taken');
  const changes = await sysroot.configDiff(second);
  report.say(
    `/etc/server.conf still says: ${survived.trim().replace('\n', ', ')}; /etc/motd: ${motd.trim()}`,
  );
  report.say(
    `/etc against /usr/etc: ${changes.modified.length} modified, ${changes.added.length} added, ${changes.removed.length} removed`,
  );

  // (h) and back
  await report.step(
    'roll back',
    () => sysroot.rollBack(),
    () => ({ next: sysroot.deployments[0]?.version ?? 'unknown' }),
  );
  if (sysroot.deployments[0]?.id !== first.id)
    throw new Error('the first deployment is not the default again');

  // (i) somebody else's branch: not signed by the key that the device trusts
  await repo.commit({
    branch: 'os/tampered',
    tree: [{ ref: SERVER }, { dir: await overlay(scratch, '6.6.6') }],
    subject: 'Trust me',
  });
  await repo.summary.regenerate({ sign: signer });
  const refused = await report.step(
    'pull a tampered branch',
    () =>
      sysroot.repo.pull('origin', { refs: ['os/tampered'] }).then(
        () => undefined,
        (error: unknown) => error,
      ),
    (error) => (error instanceof OstreeError ? { refused: error.code, because: error.message } : {}),
  );
  if (!OstreeError.is(refused, 'SIGNATURE'))
    throw new Error('the tampered branch was not refused', { cause: refused });
  if (await sysroot.repo.hasRef('origin:os/tampered')) throw new Error('the tampered branch left its ref');

  // (j) what is there now
  const total = Math.round(performance.now() - started);
  const sizes = { repository: await sizeOf(repo.path), device: await sizeOf(join(device, 'ostree/repo')) };
  report.table(
    sysroot.deployments.map(({ index, version, checksum, deploySerial, kernelArgs }) => ({
      index,
      version: version ?? '',
      commit: `${checksum.slice(0, 12)}.${deploySerial}`,
      kernelArgs: kernelArgs.filter((arg) => !arg.startsWith('ostree=')).join(' '),
    })),
  );
  report.table(Object.entries(sizes).map(([what, bytes]) => ({ what, size: megabytes(bytes) })));
  report.table(
    report.steps.map(({ step, milliseconds }) => ({ step, seconds: (milliseconds / 1000).toFixed(1) })),
  );
  report.say(
    `\nall of it: ${(total / 1000).toFixed(1)} s${flags.keep ? `; look around in ${flags.keep}` : ''}`,
  );
  report.end({
    milliseconds: total,
    sizes,
    deployments: sysroot.deployments,
    refused: 'SIGNATURE',
    kernel: tree.kernel,
  });

  if (!flags.keep) await rm(home, { recursive: true, force: true });
}

await main();
