import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { ostree } from '../support/repo.js';
import { type CliSysroot, REFSPEC, tinyOs } from '../support/sysroot.js';

async function ready(): Promise<CliSysroot> {
  const sysroot = await (await tinyOs()).sysroot();
  await sysroot.pull();
  await sysroot.admin('deploy', '--os=tiny', REFSPEC);
  return sysroot;
}

const THREADS = `
  const { readdirSync, readFileSync } = await import('node:fs');
  const threads = () => readdirSync('/proc/self/task').map((id) => {
    try { return readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim(); } catch { return 'gone'; }
  }).filter((name) => name === 'ostree-sysroot').length;
`;

describe('a Sysroot', () => {
  it('does not keep the process alive, and a call does', async () => {
    const { path } = await ready();
    const source = `
      import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      sysroot.deploy('${REFSPEC}', { stateroot: 'tiny' }).then(({ id }) => console.log(id));`;
    const ended = await runModule(source, [path]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^tiny-\w{64}\.1$/) });
  });

  it('ends its thread when it is closed, and when it was forgotten', async () => {
    const { path } = await ready();
    const source = `
      import { setTimeout } from 'node:timers/promises';
      import { Sysroot } from 'ostree';
      ${THREADS}
      const none = async () => {
        for (let i = 0; i < 200 && threads() > 0; i++) { globalThis.gc(); await setTimeout(5); }
        return threads();
      };
      const kept = await Promise.all([Sysroot.open(process.argv[1]), Sysroot.open(process.argv[1])]);
      const open = threads();
      for (const sysroot of kept) await sysroot.close();
      const afterClose = await none();
      const forget = async () => { await (await Sysroot.open(process.argv[1])).lock(); };
      // Each waits for the lock that the one before has until the collector finds it.
      const collecting = setInterval(globalThis.gc, 10);
      for (let i = 0; i < 3; i++) await forget();
      clearInterval(collecting);
      console.log(JSON.stringify([open, afterClose, kept.length, await none()]));`;
    const ended = await runModule(source, [path], { nodeOptions: ['--expose-gc'] });
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, stdout: '[2,0,2,0]' });
    expect(ended.stderr).toContain(`Sysroot ${path} was not closed`);
  });

  it('leaves no child process behind, however often it writes boot entries', async () => {
    const { path } = await ready();
    const source = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      for (let i = 0; i < 4; i++) await sysroot.deploy('${REFSPEC}', { stateroot: 'tiny', kernelArgs: ['n=' + i] });
      const children = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/children', 'utf8'));
      console.log(JSON.stringify(children.join('').trim()));`;
    const ended = await runModule(source, [path]);
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, stdout: '""' });
  });

  it('keeps what libostree prints off standard output', async () => {
    const os = await tinyOs();
    await os.publish('2', { 'var/ignored': 'x' });
    const { path, pull } = await os.sysroot();
    await pull();
    const source = `
      import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      for (let i = 0; i < 3; i++) await sysroot.deploy('origin:tiny/os', { stateroot: 'tiny', noMerge: true });
      await sysroot.undeploy(sysroot.deployments[0]);
      await sysroot.close();`;
    const ended = await runModule(source, [path]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it.each([0, 5, 20, 50, 100])('survives process.exit() %i ms into a deployment', async (delay) => {
    const { path, admin } = await ready();
    const source = `
      import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      sysroot.deploy('${REFSPEC}', { stateroot: 'tiny' }).catch(() => {});
      setTimeout(() => process.exit(3), ${delay});`;
    const ended = await runModule(source, [path]);
    expect(ended, ended.stderr).toMatchObject({ exitCode: 3, signal: undefined });
    expect(ended.milliseconds).toBeLessThan(6000);
    await admin('deploy', '--os=tiny', REFSPEC);
    expect(await ostree(`--repo=${path}/ostree/repo`, 'fsck')).toContain('no errors found');
  });

  it('may live in a Worker that is terminated in mid-deployment', async () => {
    const { path, admin } = await ready();
    const source = `
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      ${THREADS}
      const source = \`
        import { parentPort, workerData } from 'node:worker_threads';
        import { Sysroot } from 'ostree';
        const sysroot = await Sysroot.open(workerData);
        parentPort.postMessage('open');
        for (;;) await sysroot.deploy('${REFSPEC}', { stateroot: 'tiny' });\`;
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(source, { eval: true, workerData: process.argv[1] });
        await once(worker, 'message');
        await worker.terminate();
      }
      console.log('ended');`;
    const ended = await runModule(source, [path]);
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined, stdout: 'ended' });
    await admin('deploy', '--os=tiny', REFSPEC);
    expect(await admin('status')).toContain('Version: 1');
  });
});
