// A server is provisioned from an immutable base and a branch of its own, and
// then upgraded and rolled back: the whole way from files to a deployment.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  type CommitOptions,
  type Deployment,
  OstreeError,
  type PullProgress,
  Repo,
  type Signer,
  Sysroot,
} from 'ostree';

import { makeKey } from './support/gpg.js';
import { serve } from './support/nginx.js';
import { layer, osTree } from './support/os-tree.js';
import { megabytes, type Outcome, Report, seconds } from './support/report.js';
import { diskUse, Interrupted, interruption, stage } from './support/stage.js';

const HELP = `
Commits an operating system's tree made of this machine's own files, and a
server's branch on top of it; signs and serves them; provisions a device, which
is then upgraded, rolled back, and offered a forged branch.

Usage: scripts/quickstart [options]

  --json        one JSON document on standard output, and nothing else
  --keep DIR    leave everything in DIR, which must be new or empty; else it is
                removed at the end, after a failure and Ctrl-C too
  --tree DIR    take usr/bin, usr/sbin, usr/share and etc from DIR, not from /
  --kernel DIR  a kernel's package, unpacked; else a stand-in takes its place
  --help        this

Needs root, because a deployment has root's files in it. Exit code: 0 when all
went as it should, 1 when not, 2 when it could not begin.
`;

const BASE = 'os/base';
const SERVER = 'os/server';
const FORGED = 'os/forged';
const STATEROOT = 'demo';

/** Ends the process before anything was done. */
function refuse(...lines: string[]): never {
  process.stderr.write(`provision: ${lines.join('\n')}\n`);
  process.exit(2);
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        keep: { type: 'string' },
        tree: { type: 'string', default: '/' },
        kernel: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), 'Try --help.');
  }
}

const flags = readFlags();
if (flags.help) {
  process.stdout.write(HELP.trimStart());
  process.exit(0);
}
if (process.getuid?.() !== 0) {
  const quoted = process.argv.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
  refuse("a deployment has root's files in it, so this must run as root. Run:", `  sudo ${quoted}`);
}

const signal = interruption();
const report = new Report(flags.json, signal);

function check(right: boolean, wrong: string): void {
  if (!right) throw new Error(wrong);
}

/** Commits a branch and signs it, showing how far it is. */
function publish(repo: Repo, id: string, title: string, signer: Signer, options: CommitOptions) {
  return report.step(
    id,
    title,
    async () => {
      const onProgress: CommitOptions['onProgress'] = ({ files, totalFiles, bytes }) =>
        report.progress(totalFiles ? files / totalFiles : undefined, `${files} files, ${megabytes(bytes)}`);
      const result = await repo.commit({ bootable: true, ...options, onProgress, signal });
      await repo.sign(result.checksum, signer, { signal });
      return result;
    },
    ({ checksum, stats }) => ({
      data: { branch: options.branch, checksum, version: options.version ?? null, ...stats },
      text: [
        `${options.branch} is ${checksum.slice(0, 12)}`,
        `${stats.contentObjects} files, ${stats.contentWritten} of them new`,
        megabytes(stats.bytesWritten),
      ],
    }),
  );
}

/** What makes the base a server. */
async function overlay(scratch: string, version: string): Promise<{ dir: string }> {
  const dir = await layer(scratch, 'overlay');
  await mkdir(join(dir, 'usr/etc'), { recursive: true });
  await mkdir(join(dir, 'usr/lib'), { recursive: true });
  await writeFile(join(dir, 'usr/etc/motd'), `Welcome to the server, version ${version}.\n`);
  await writeFile(join(dir, 'usr/etc/server.conf'), `version=${version}\nworkers=4\n`);
  await writeFile(join(dir, 'usr/etc/unwanted.conf'), 'enabled=yes\n');
  await writeFile(
    join(dir, 'usr/lib/os-release'),
    `NAME=Demo\nID=demo\nVERSION_ID=${version}\nPRETTY_NAME="Demo ${version}"\n`,
  );
  return { dir };
}

function pullProgress({ fetched, requested, bytesTransferred, rate, eta }: PullProgress): void {
  const left = eta === null ? '' : `, ${seconds(eta)} left`;
  const text = `${fetched}/${requested} objects, ${megabytes(bytesTransferred)}, ${megabytes(rate)}/s${left}`;
  report.progress(requested ? fetched / requested : undefined, text);
}

function deployed({ id, version, kernelArgs }: Deployment): Outcome {
  return {
    data: { deployment: id, version, kernelArgs },
    text: [`version ${version}`, `kernel arguments: ${kernelArgs.join(' ')}`],
  };
}

async function provision(home: string): Promise<void> {
  const started = performance.now();
  const scratch = join(home, 'scratch');
  await mkdir(scratch);

  // (a) the base branch of an archive repository
  await using repo = await Repo.create(join(home, 'repo'), { mode: 'archive', signal });
  await repo.config.set('archive.zlib-level', 1, { signal });
  await using key = await report.step(
    'key',
    'Make a GPG key for this run',
    () => makeKey('release'),
    ({ keyId }) => ({ data: { keyId }, text: [keyId] }),
  );
  const signer: Signer = { type: 'gpg', keyId: key.keyId, homedir: key.homedir };
  const { sources, skip, kernel } = await osTree(scratch, flags.tree, flags.kernel);
  const from = flags.tree === '/' ? 'this machine' : flags.tree;
  await publish(repo, 'base', `Commit the base: the files of ${from}`, signer, {
    branch: BASE,
    subject: 'Base',
    tree: sources,
    skip,
  });
  report.say(
    kernel.real
      ? `its kernel is ${kernel.version}; its initramfs is a stand-in`
      : 'there is no kernel package: its kernel and its initramfs are stand-ins',
  );

  // (b) the server's branch: the base and an overlay; (c) both are signed, and so is the summary
  const publishServer = async (id: string, version: string) =>
    await publish(repo, id, `Commit the server, version ${version}: the base and an overlay`, signer, {
      branch: SERVER,
      subject: `Server ${version}`,
      version,
      tree: [{ ref: BASE }, await overlay(scratch, version)],
    });
  const { checksum } = await publishServer('server', '1.0');
  await report.step('summary', 'Write the summary, signed', () =>
    repo.summary.regenerate({ sign: signer, signal }),
  );

  // (d) the repository, behind a real server
  await using server = await report.step(
    'serve',
    'Serve the repository with nginx',
    () => serve(repo.path),
    ({ url }) => ({ data: { url }, text: [url] }),
  );

  // (e) a device that trusts the key, and nothing else
  const device = join(home, 'device');
  await using sysroot = await report.step('device', 'Make a device that trusts the key', async () => {
    const opened = await Sysroot.init(device, { signal });
    await opened.initStateroot(STATEROOT, { signal });
    await opened.repo.config.set('sysroot.bootloader', 'none', { signal });
    const trust = { gpgVerify: true, gpgVerifySummary: true };
    await opened.repo.remotes.add('origin', server.url, { ...trust, signal });
    await opened.repo.remotes.importGpgKeys('origin', key.publicKey, { signal });
    return opened;
  });
  await report.step(
    'pull',
    `Pull ${SERVER}, verified`,
    () => sysroot.repo.pull('origin', { refs: [SERVER], onProgress: pullProgress, signal }),
    ({ refs, status: _, ...counts }) => ({
      data: { checksum: refs[0]?.new, ...counts },
      text: [`${counts.metadataFetched + counts.contentFetched} objects`, megabytes(counts.bytesTransferred)],
    }),
  );
  const first = await report.step(
    'deploy',
    'Deploy it',
    () =>
      sysroot.deploy(`origin:${SERVER}`, {
        stateroot: STATEROOT,
        origin: `origin:${SERVER}`,
        kernelArgs: ['root=LABEL=root', 'rw', 'quiet'],
        signal,
      }),
    deployed,
  );
  check(first.checksum === checksum, 'another commit was deployed than was published');

  // (f) somebody changes the device's /etc
  await report.step('etc', 'Change /etc of the device', async () => {
    await writeFile(join(first.path, 'etc/server.conf'), 'version=1.0\nworkers=16\n');
    await writeFile(join(first.path, 'etc/local.conf'), 'site=42\n');
    await rm(join(first.path, 'etc/unwanted.conf'));
  });

  // (g) an update is published, and the device upgraded
  await publishServer('update', '2.0');
  await repo.summary.regenerate({ sign: signer, signal });
  const { deployment: second } = await report.step(
    'upgrade',
    'Upgrade the device',
    () =>
      sysroot.upgrade({
        stateroot: STATEROOT,
        onProgress: (progress) => {
          if (progress.phase === 'pull') pullProgress(progress.pull);
        },
        signal,
      }),
    ({ changed, deployment }) => {
      const { data, text } = deployment ? deployed(deployment) : {};
      return { data: { changed, ...data }, text: text ?? ['nothing new'] };
    },
  );
  if (second?.version !== '2.0') throw new Error('the upgrade brought nothing');
  const conf = await readFile(join(second.path, 'etc/server.conf'), 'utf8');
  const motd = await readFile(join(second.path, 'etc/motd'), 'utf8');
  check(conf.includes('workers=16'), 'the change of /etc/server.conf did not survive');
  check(motd.includes('version 2.0'), 'the new /etc/motd was not taken');
  report.say(`/etc/server.conf kept its change: ${conf.trim().replace('\n', ', ')}`);
  report.say(`/etc/motd is the new one: ${motd.trim()}`);

  const changes = await report.step(
    'configDiff',
    'Compare its /etc with what was shipped',
    () => sysroot.configDiff(second, { signal }),
    (diff) => ({
      data: {
        modified: diff.modified.map(({ path }) => path),
        removed: diff.removed.map(({ path }) => path),
        added: diff.added.map(({ path }) => path),
      },
    }),
  );
  for (const { path } of changes.modified) report.say(`M ${path}`);
  for (const { path } of changes.removed) report.say(`D ${path}`);
  for (const { path } of changes.added) report.say(`A ${path}`);

  // (h) and back
  const back = await report.step('rollBack', 'Roll back', () => sysroot.rollBack({ signal }), deployed);
  check(
    back.id === first.id && sysroot.deployments[0]?.id === first.id,
    'the first deployment is not the default again',
  );

  // (i) a forged branch: other files under the signature of the genuine ones
  const { detachedMetadata } = await repo.readCommit(SERVER, { variants: true, signal });
  await repo.commit({
    branch: FORGED,
    subject: 'Trust me',
    tree: [{ ref: SERVER }, await overlay(scratch, '6.6.6')],
    detachedMetadata: detachedMetadata ?? undefined,
    signal,
  });
  await repo.summary.regenerate({ sign: signer, signal });
  const refused = await report.step(
    'forged',
    'Pull a forged branch, with the signature of another commit',
    () =>
      sysroot.repo.pull('origin', { refs: [FORGED], signal }).then(
        () => undefined,
        (error: unknown) => error,
      ),
    (error) =>
      OstreeError.is(error)
        ? { data: { refused: error.code, message: error.message }, text: [`refused: ${error.code}`] }
        : {},
  );
  if (!OstreeError.is(refused, 'SIGNATURE'))
    throw new Error('the forged branch was not refused for its signature', { cause: refused });
  report.say(refused.message);
  check(!(await sysroot.repo.hasRef(`origin:${FORGED}`, { signal })), 'the forged branch left its ref');

  // (j) what is there now
  const milliseconds = Math.round(performance.now() - started);
  const sizes = { repository: await diskUse(repo.path), device: await diskUse(device) };
  report.table(
    sysroot.deployments.map(({ index, version, checksum, deploySerial, kernelArgs }) => ({
      index,
      deployment: `${STATEROOT} ${checksum.slice(0, 12)}.${deploySerial}`,
      version: version ?? '',
      'kernel arguments': kernelArgs.join(' '),
    })),
  );
  report.table([
    { 'on disk': 'repository', size: megabytes(sizes.repository).padStart(10) },
    { 'on disk': 'device', size: megabytes(sizes.device).padStart(10) },
  ]);
  report.times();
  report.say('');
  report.say(`All as it should be, in ${seconds(milliseconds)}.`);
  report.end({ ok: true, milliseconds, kernel, sizes, deployments: sysroot.deployments });
}

async function main(): Promise<void> {
  await using place = await stage(flags.keep).catch((error: Error) => refuse(error.message));
  try {
    await provision(place.dir);
    if (flags.keep !== undefined) report.say(`Everything is in ${place.dir}.`);
  } catch (error) {
    const interrupted = signal.aborted && signal.reason instanceof Interrupted ? signal.reason : undefined;
    process.exitCode = interrupted?.exitCode ?? 1;
    const { message, code } = (interrupted ?? error) as Error & { code?: unknown };
    report.end({ ok: false, error: { code: typeof code === 'string' ? code : null, message } });
    if (!interrupted) console.error(error);
  }
}

await main();
