// The phases of the operating system itself: status, a staged upgrade, rollback, kernel arguments, another distribution.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { bootEntries } from './machine.mjs';
import { baseTree, overlay } from './trees.mjs';

/** What every boot says of itself. */
const LOOK = `
  const { booted, staged, pending, rollback } = sysroot;
  const short = (d) => d && d.version;
  const read = (path) => fs.readFile(path, 'utf8').then((text) => text.trim(), (error) => error.code);
  const writable = (path) => fs.writeFile(path + '/probe', '').then(() => fs.rm(path + '/probe').then(() => true), (error) => error.code);
  return {
    booted: short(booted), staged: short(staged), pending: short(pending), rollback: short(rollback),
    refspec: booted.origin.refspec, checksum: booted.checksum, deployment: booted.id,
    tree: await read('/usr/lib/boot-test/version'),
    writable: { usr: await writable('/usr'), sysroot: await writable('/sysroot'), etc: await writable('/etc'), var: await writable('/var') },
    etc: {
      shipped: await read('/etc/shipped.conf'), edited: await read('/etc/edited.conf'),
      local: await read('/etc/local.conf'), hostname: await read('/etc/hostname'),
    },
    kept: await read('/var/lib/kept'),
    cmdline: await read('/proc/cmdline'),
    command: exec('ostree', 'admin', 'status'),
    kernel: exec('uname', '-r').trim(),
    libostree: ostree.version.libostree,
  };`;

const WRITABLE = { usr: 'EROFS', sysroot: 'EROFS', etc: true, var: true };

export async function systemPhases({ machine, control, report, vendor, sign, first, image, cache, work }) {
  /** Waits for a boot and looks at it. */
  const booted = (id, title, start) =>
    report.step(
      id,
      title,
      async () => {
        const guest = await start();
        const seen = await guest.run(LOOK);
        return { guest, seen };
      },
      ({ guest, seen }) => ({
        data: seen,
        text: [
          `version ${seen.booted}`,
          `kernel ${seen.kernel}`,
          `libostree ${seen.libostree}`,
          `up after ${guest.hello.uptime.toFixed(0)} s`,
        ],
      }),
    );

  const one = await booted('boot-1', 'Boot version 1', () => {
    machine.powerOn();
    return control.guest();
  });
  assert.equal(one.seen.booted, '1');
  assert.equal(one.seen.checksum, first.checksum);
  assert.equal(one.seen.tree, '1');
  assert.deepEqual(one.seen.writable, WRITABLE);
  assert.match(one.seen.command, /^\* os [0-9a-f]{64}\.0/m);
  assert.match(one.seen.cmdline, /ostree=\/ostree\/boot\./);

  const second = await vendor.publish('os/bookworm', '2', { sign });
  await report
    .step(
      'stage',
      'Stage an upgrade to version 2 over HTTP, signed',
      () =>
        one.guest.run(`
        await fs.mkdir('/var/lib', { recursive: true });
        await fs.writeFile('/var/lib/kept', 'kept');
        const result = await sysroot.upgrade({ stage: true });
        await fs.writeFile('/etc/edited.conf', 'edited here');
        await fs.writeFile('/etc/local.conf', 'local');
        const state = await sysroot.finalizeState();
        return {
          ...result, locked: state.locked, unit: exec('systemctl', 'is-active', 'ostree-finalize-staged.service').trim(),
          signatures: (await sysroot.repo.verify(result.checksum, { remote: 'origin' })).valid,
        };`),
      (result) => ({
        data: result,
        text: [`staged ${result.version}`, `ostree-finalize-staged.service is ${result.unit}`],
      }),
    )
    .then((result) => {
      assert.equal(result.checksum, second.checksum);
      assert.equal(result.deployment.staged, true);
      assert.equal(result.unit, 'active');
    });
  assert.equal((await bootEntries(image)).length, 1, 'a boot entry was written before the shutdown');

  const two = await booted('boot-2', 'Reboot: systemd finishes it at shutdown, and version 2 boots', () =>
    machine.reboot(one.guest),
  );
  assert.equal(two.seen.booted, '2');
  assert.equal(two.seen.rollback, '1');
  assert.equal(two.seen.tree, '2');
  assert.equal(two.seen.kept, 'kept');
  assert.deepEqual(two.seen.etc, {
    shipped: 'version=2',
    edited: 'edited here',
    local: 'local',
    hostname: 'boot-test',
  });
  assert.deepEqual(two.seen.writable, WRITABLE);

  await report
    .step(
      'kargs',
      'Change the kernel arguments of version 1, and roll back to it',
      () =>
        two.guest.run(`
        const kernelArgs = await sysroot.kernelArgs(sysroot.rollback).edit({ append: ['boot-test.edited=1'] });
        const back = await sysroot.rollBack();
        return { kernelArgs, back: back.version, pending: sysroot.pending.version };`),
      (result) => ({
        data: result,
        text: [`pending: version ${result.pending}`, result.kernelArgs.join(' ')],
      }),
    )
    .then((result) => assert.deepEqual([result.back, result.pending], ['1', '1']));

  const back = await booted('boot-3', 'Reboot: version 1 again, with the new kernel argument', () =>
    machine.reboot(two.guest),
  );
  assert.equal(back.seen.booted, '1');
  assert.equal(back.seen.rollback, '2');
  assert.match(back.seen.cmdline, /\bboot-test\.edited=1\b/);
  assert.equal(back.seen.kept, 'kept');
  // /etc of version 1 as it was when version 2 was finished: what was changed before is there, too.
  assert.deepEqual(back.seen.etc, {
    shipped: 'version=1',
    edited: 'edited here',
    local: 'local',
    hostname: 'boot-test',
  });

  const other = await report.step(
    'other',
    'Debian trixie: a tree of packages',
    async () => {
      try {
        const { dir } = await baseTree(cache, 'trixie');
        return {
          branch: 'os/trixie',
          tree: await overlay(join(work, 'overlay-trixie'), dir),
          suite: 'trixie',
        };
      } catch (error) {
        return {
          branch: 'os/other',
          tree: [{ ref: 'os/bookworm' }],
          suite: `another bookworm, for there are no packages of trixie here: ${error.message}`,
        };
      }
    },
    ({ suite }) => ({ data: { suite }, text: [suite] }),
  );
  await report.step('commit-other', 'Commit it, signed', () =>
    vendor.publish(other.branch, '13', { tree: other.tree, sign }),
  );
  await report.step(
    'switch',
    `Switch to ${other.branch}, staged`,
    () => back.guest.run(`return await sysroot.switch(args, { stage: true })`, other.branch, 600_000),
    (result) => ({ data: result, text: [`staged ${result.version}`] }),
  );
  const switched = await booted('boot-4', `Reboot: ${other.branch}`, () => machine.reboot(back.guest));
  assert.equal(switched.seen.booted, '13');
  assert.equal(switched.seen.refspec, `origin:${other.branch}`);
  assert.equal(switched.seen.kept, 'kept');
  assert.deepEqual(switched.seen.etc, {
    shipped: 'version=13',
    edited: 'edited here',
    local: 'local',
    hostname: 'boot-test',
  });
  if (other.branch === 'os/trixie') assert.match(switched.seen.libostree, /^2025\./);

  await switched.guest.run(`
    const before = sysroot.deployments.find(({ version }) => version === '1');
    await sysroot.makeDefault(before);`);
  const home = await booted('boot-5', 'And back to bookworm', () => machine.reboot(switched.guest));
  assert.equal(home.seen.booted, '1');
  assert.equal(home.seen.refspec, 'origin:os/bookworm');
  await report.step('off', 'Switch it off', () => machine.powerOff(home.guest));
}
