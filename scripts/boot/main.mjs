// A Debian that is built, committed and deployed with this library, really booted, and upgraded, changed, rolled back
// and switched by the library that runs in it. scripts/boot-test --help.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs, promisify } from 'node:util';

import { createRepoHandler, Repo } from 'ostree';

import { makeKey } from '../../.cache/examples/support/gpg.js';
import { Report } from '../../.cache/examples/support/report.js';
import { interruption } from '../../.cache/examples/support/stage.js';
import { agentPhases } from './agent.mjs';
import { Control, RepoServer } from './control.mjs';
import { Machine } from './machine.mjs';
import { systemPhases } from './system.mjs';
import { baseTree, overlay, Vendor } from './trees.mjs';

const run = promisify(execFile);

const { values: flags } = parseArgs({
  options: {
    agent: { type: 'boolean', default: false },
    cache: { type: 'string', default: join(homedir(), '.cache/ostree-boot-test') },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const cache = resolve(flags.cache);
const signal = interruption();
const report = new Report(flags.json, signal);

/** All that a phase works with. */
async function prepare(work) {
  const base = await report.step(
    'base',
    'Debian bookworm: a tree of packages',
    () => baseTree(cache, 'bookworm'),
    ({ dir, made }) => ({ data: { made }, text: [made ? 'made' : `as it lies in ${dir}`] }),
  );
  const repo = await Repo.create(join(work, 'repo'), { mode: 'archive' });
  await repo.config.set('archive.zlib-level', 1);
  const key = await makeKey('vendor');
  const sign = { type: 'gpg', keyId: key.keyId, homedir: key.homedir };
  const vendor = new Vendor(repo, work);
  const tree = await overlay(join(work, 'overlay'), base.dir);
  const first = await report.step(
    'commit',
    'Commit it as version 1, signed',
    () => vendor.publish('os/bookworm', '1', { tree, sign }),
    ({ checksum, stats }) => ({
      data: { checksum, ...stats },
      text: [
        checksum.slice(0, 12),
        `${stats.contentObjects} files`,
        `${(stats.bytesWritten / 1e6).toFixed(0)} MB`,
      ],
    }),
  );
  const server = await RepoServer.start(createRepoHandler(repo));
  return { work, cache, report, repo, vendor, key, sign, server, first };
}

/** examples/disk-image.ts, as a user runs it. */
async function makeImage({ work, key, server }, etc) {
  const image = join(work, 'disk.img');
  await writeFile(join(work, 'vendor.gpg'), key.publicKey);
  const args = ['--url', server.url, '--device-url', server.urlInGuest, '--ref', 'os/bookworm'];
  args.push('--gpg-key', join(work, 'vendor.gpg'), '--set', 'sysroot.readonly=true');
  for (const argument of ['root=/dev/vda', 'rw', 'console=ttyS0']) args.push('--karg', argument);
  if (etc) args.push('--etc', etc);
  const program = join(import.meta.dirname, '../../.cache/examples/disk-image.js');
  const { stdout } = await run(process.execPath, [program, ...args, image], {
    env: { ...process.env, TMPDIR: work },
  });
  return { image, text: stdout.trim() };
}

async function test(work) {
  const stage = await prepare(work);
  const control = await Control.start();
  const log = join(cache, flags.agent ? 'serial-agent.log' : 'serial.log');
  let machine;
  try {
    let etc;
    if (flags.agent) {
      etc = join(work, 'etc');
      await mkdir(etc);
      const config = {
        interval: 5,
        healthCommand: ['/usr/lib/boot-test/healthy'],
        healthTimeout: 20,
        stallTimeout: 120,
      };
      await writeFile(join(etc, 'update-agent.json'), JSON.stringify(config));
    }
    const { image } = await report.step(
      'image',
      'Pull it over HTTP, deploy it, make an image of it',
      () => makeImage(stage, etc),
      ({ text }) => ({ text: [text.replace(/^.*: version/, 'version')] }),
    );
    machine = new Machine({ dir: work, image, control, log });
    signal.addEventListener('abort', () => {
      control.fail(signal.reason);
      void machine.kill();
    });
    await (flags.agent ? agentPhases : systemPhases)({ ...stage, machine, control, image });
    await report.step(
      'fsck',
      'Check the file system on the disk',
      async () => {
        await run('e2fsck', ['-fp', image]).catch((error) => {
          if (error.code !== 1) throw error; // 1: an orphan was removed, the journal replayed
        });
      },
      () => ({ text: ['clean'] }),
    );
  } catch (error) {
    error.message += `\nThe serial console is in ${log}`;
    throw error;
  } finally {
    await machine?.kill().catch(() => {});
    control.close();
    await stage.server.down();
    await stage.repo.close();
    await stage.key[Symbol.asyncDispose]();
  }
  report.times();
  report.say('');
  report.say(`All as it should be, in ${machine.boots.length} boots. The serial console is in ${log}`);
  report.end({ ok: true, boots: machine.boots, log });
}

await mkdir(cache, { recursive: true });
const work = await mkdtemp(join(cache, 'work-'));
try {
  await test(work);
} catch (error) {
  report.end({ ok: false, error: { code: error.code ?? null, message: error.message } });
  console.error(error);
  process.exitCode = 1;
} finally {
  if (flags.keep) report.say(`The repository and the image are in ${work}`);
  else await rm(work, { recursive: true, force: true });
}
