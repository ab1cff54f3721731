// The phases of examples/update-agent.ts: what it lives through, and what it goes back from.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { makeKey } from '../../.cache/examples/support/gpg.js';
import { executables } from './trees.mjs';

const BRANCH = 'os/bookworm';

/** Ends the kernel as soon as the file systems are there and the agent has counted the boot. */
const PANIC = `[Unit]
DefaultDependencies=no
After=sysinit.target
Before=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo c >/proc/sysrq-trigger'
`;

export async function agentPhases({ machine, control, report, vendor, sign, first, repo, server }) {
  /** The agent's status, as soon as it is like this. */
  async function until(guest, what, wanted, timeout = 600_000) {
    const deadline = performance.now() + timeout;
    for (;;) {
      const status = await guest.run(`
        const text = await fs.readFile('/run/update-agent/status.json', 'utf8').catch(() => 'null');
        return JSON.parse(text);`);
      if (status && wanted(status)) return status;
      if (performance.now() > deadline) throw new Error(`not ${what} in time: ${JSON.stringify(status)}`);
      await pause(1_000);
    }
  }

  /** Waits for a boot of this version; the versions that came up on the way, and it. */
  async function bootOf(version) {
    const seen = [];
    for (;;) {
      const guest = await control.next();
      // One that the agent does not keep may go down at any time.
      const found = await guest.run(`return sysroot.booted.version`).catch(() => 'down already');
      seen.push(found);
      if (found === version) return { guest, seen };
    }
  }

  const failure = ({ lastError }) => ({
    data: { lastError },
    text: [`${lastError.code}: ${lastError.message}`],
  });
  const fails = (code) => (status) => status.lastError?.code === code;
  const well = ({ phase, lastError, checks }) => phase === 'idle' && lastError === null && checks > 0;

  const one = await report.step(
    'boot-1',
    'Boot version 1, with the agent',
    async () => {
      machine.powerOn();
      const guest = await control.guest();
      await until(guest, 'well', well);
      return guest;
    },
    ({ hello }) => ({ text: [`up after ${hello.uptime.toFixed(1)} s`] }),
  );

  await report.step(
    'server-down',
    'The server goes away, and comes back',
    async () => {
      await server.down();
      const status = await until(one, 'without a server', fails('NETWORK'));
      await server.up();
      await until(one, 'well again', well);
      return status;
    },
    failure,
  );

  await report.step(
    'forged',
    'A version that somebody else has signed',
    async () => {
      const stranger = await makeKey('stranger');
      const forged = { type: 'gpg', keyId: stranger.keyId, homedir: stranger.homedir };
      await vendor
        .publish(BRANCH, '2-forged', { sign: forged })
        .finally(() => stranger[Symbol.asyncDispose]());
      const status = await until(one, 'refused', fails('SIGNATURE'));
      assert.equal(status.staged, null);
      await repo.setRef(BRANCH, first.checksum);
      await until(one, 'well again', well);
      return status;
    },
    failure,
  );

  const second = await report.step(
    'no-space',
    'Version 2 comes while the disk is full',
    async () => {
      await one.run(`
        const { bavail, bsize } = await fs.statfs('/var');
        exec('fallocate', '--length', String(bavail * bsize - 30e6), '/var/full');`);
      const commit = await vendor.publish(BRANCH, '2', {
        sign,
        changes: { 'usr/lib/boot-test/large': randomBytes(40e6) },
      });
      const status = await until(one, 'out of space', fails('NO_SPACE'));
      return { ...status, commit };
    },
    failure,
  );

  await report.step(
    'cut-staging',
    'There is room again; a power cut while it stages',
    async () => {
      const staging = machine.line(/: staging [0-9a-f]{12}/);
      let staged = false;
      machine.line(/: staged 2 /).then(
        () => (staged = true),
        () => {},
      );
      await one.run(`await fs.rm('/var/full'); exec('systemctl', 'reload', 'update-agent.service')`);
      await staging;
      await pause(1_500);
      await machine.kill();
      assert.equal(staged, false, 'it had staged before the power was cut');
      return machine.boots.length;
    },
    () => ({ text: ['qemu killed'] }),
  );

  await report.step(
    'cut-finalizing',
    'Version 1 boots and stages again; a power cut while systemd finishes it at shutdown',
    async () => {
      const lost = machine.line(/was staged but not finished/);
      const rebooting = machine.line(/: rebooting into 2 /);
      const finalizing = machine.line(/Stopping .*[Ff]inalize/);
      machine.powerOn();
      const { seen } = await bootOf('1');
      assert.deepEqual(seen, ['1']);
      await lost;
      await rebooting;
      const line = await finalizing;
      await pause(1_000);
      await machine.kill();
      return line;
    },
    (line) => ({ text: ['qemu killed after:', line.trim()] }),
  );

  const two = await report.step(
    'recovered',
    'It stages once more, reboots, and version 2 is found healthy',
    async () => {
      const healthy = machine.line(/: 2 \([0-9a-f]{12}\) is healthy/);
      machine.powerOn();
      const { guest, seen } = await bootOf('2');
      await healthy;
      const status = await until(guest, 'well', well);
      assert.equal(status.booted.checksum, second.commit.checksum);
      return { guest, seen };
    },
    ({ seen }) => ({ data: { seen }, text: [`boots: ${seen.join(', ')}`] }),
  );

  let current = two.guest;
  await report.step(
    'unhealthy',
    'Version 3 fails its health check: version 2 again, by itself',
    async () => {
      const edit = (dir) =>
        executables(dir, { 'usr/lib/boot-test/healthy': '#!/bin/sh\necho "no display" >&2\nexit 1\n' });
      const third = await vendor.publish(BRANCH, '3', { sign, edit });
      const given = machine.line(/ is given up: no display/);
      const { guest, seen } = await bootOf('2');
      assert.deepEqual(seen, ['3', '2']);
      await given;
      const status = await until(guest, 'well', well);
      assert.deepEqual(status.rejected, [third.checksum]);
      current = guest;
      return { seen, status };
    },
    ({ seen }) => ({ data: { seen }, text: [`boots: ${seen.join(', ')}`] }),
  );

  await report.step(
    'panic',
    'Version 4 brings the kernel down at each boot: version 2 again, by itself',
    async () => {
      const before = machine.boots.length;
      const fourth = await vendor.publish(BRANCH, '4', {
        sign,
        changes: { 'usr/lib/systemd/system/panic.service': PANIC },
        edit: async (dir) => {
          const wants = join(dir, 'usr/lib/systemd/system/basic.target.wants');
          await mkdir(wants);
          await symlink('../panic.service', join(wants, 'panic.service'));
          await executables(dir, { 'usr/lib/boot-test/healthy': '#!/bin/sh\nexit 0\n' });
        },
      });
      const given = machine.line(/ is given up: 2 boots without being found healthy/);
      const { guest, seen } = await bootOf('2');
      await given;
      assert.deepEqual(seen, ['2'], 'version 4 came up');
      const status = await until(guest, 'well', well);
      assert.equal(status.rejected.at(-1), fourth.checksum);
      current = guest;
      return machine.boots.slice(before);
    },
    (boots) => ({ data: { boots }, text: [`${boots.length} boots`, boots.join(', ')] }),
  );

  await report.step(
    'fifth',
    'Version 5 is good again',
    async () => {
      await vendor.publish(BRANCH, '5', {
        sign,
        changes: { 'usr/lib/systemd/system/panic.service': '[Service]\nExecStart=/bin/true\n' },
      });
      const { guest, seen } = await bootOf('5');
      await until(guest, 'well', well);
      current = guest;
      return seen;
    },
    (seen) => ({ data: { seen }, text: [`boots: ${seen.join(', ')}`] }),
  );
  await report.step('off', 'Switch it off', () => machine.powerOff(current));
}
