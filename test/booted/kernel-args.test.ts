import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';

describe.skipIf(whyNotBooted)(`Kernel arguments, ${booted}`, () => {
  it('come from the booted deployment, or from those that the kernel was given', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const args = await boot.run(`
      const deploy = async (kernelArgs) => [...(await sysroot.deploy(sysroot.booted.checksum, { kernelArgs })).kernelArgs];
      return {
        merged: await deploy({ append: ['a=1'], delete: ['rw'] }),
        given: await deploy({ procCmdline: true, append: ['b=2'] }),
        none: await deploy({ none: true, append: ['c=3'] }),
        plain: await deploy(undefined),
      };`);
    expect(args).toEqual({
      merged: ['root=/dev/vda', 'a=1'],
      given: ['root=/dev/vda', 'rw', 'b=2'],
      none: ['c=3'],
      plain: ['root=/dev/vda', 'rw'],
    });
  });

  it('of what boots next are edited, and are there after the reboot', async () => {
    const machine = await device();
    await machine.publish('2');
    const boot = await machine.boot();
    await boot.run(`
      const { deployment } = await sysroot.upgrade();
      await sysroot.kernelArgs(deployment).edit({ replace: ['root=/dev/vdb'], append: ['quiet'] });`);
    const next = await machine.boot();
    const seen = await next.run(`
      const cmdline = await fs.readFile('/proc/cmdline', 'utf8');
      return { version: sysroot.booted.version, args: sysroot.booted.kernelArgs, cmdline };`);
    expect(seen).toMatchObject({
      version: '2',
      args: ['root=/dev/vdb', 'rw', 'quiet'],
      cmdline: expect.stringMatching(/root=\/dev\/vdb rw .*quiet/),
    });
  });

  it('of the booted deployment are edited, or libostree is said not to', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const edited = await boot.run(`
      const args = sysroot.kernelArgs(sysroot.booted);
      const outcome = await args.edit({ append: ['quiet'] }).then(() => 'done', ({ code }) => code);
      return [outcome, await args.get()];`);
    // Later versions of libostree do it.
    expect([
      ['NOT_SUPPORTED', ['root=/dev/vda', 'rw']],
      ['done', ['root=/dev/vda', 'rw', 'quiet']],
    ]).toContainEqual(edited);
  });
});
