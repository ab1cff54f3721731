// What scripts/kill-deploy does to a sysroot, by name. Run as a program it does one of them: its arguments are the
// operation and the sysroot.
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { Sysroot } from 'ostree';

const OS = { stateroot: 'tiny' };

/**
 * By name: the state it begins with (sysroots.mjs), what it does, and the version that boots by default afterwards, given
 * the one that did before. Each can be done again, whether or not it had come to its end. `command` is the same by the
 * `ostree` command, where that can do it.
 */
export const operations = {
  deploy: {
    from: 'one',
    run: (sysroot, { versions }) => sysroot.deploy(versions[3], OS),
    command: (admin, { versions }) => admin('deploy', '--os=tiny', versions[3]),
    then: () => '3',
  },
  'deploy, same kernel': {
    from: 'one',
    run: (sysroot, { versions }) => sysroot.deploy(versions[2], OS),
    command: (admin, { versions }) => admin('deploy', '--os=tiny', versions[2]),
    then: () => '2',
  },
  'deploy in place of the oldest': {
    from: 'two',
    run: (sysroot, { versions }) => sysroot.deploy(versions[3], OS),
    command: (admin, { versions }) => admin('deploy', '--os=tiny', versions[3]),
    then: () => '3',
  },
  upgrade: {
    from: 'behind',
    run: (sysroot) => sysroot.upgrade(OS),
    command: (admin) => admin('upgrade', '--os=tiny'),
    then: () => '3',
  },
  cleanup: {
    from: 'littered',
    run: (sysroot) => sysroot.cleanup(),
    command: (admin) => admin('cleanup'),
    then: (before) => before,
  },
  rollback: {
    from: 'two',
    run: (sysroot) => sysroot.rollBack(),
    then: (before) => (before === '1' ? '2' : '1'),
  },
  undeploy: {
    from: 'two',
    run: (sysroot) => (sysroot.deployments[1] ? sysroot.undeploy(sysroot.deployments[1]) : sysroot.cleanup()),
    command: (admin) => admin('undeploy', '1'),
    then: (before) => before,
  },
  'kernel arguments': {
    from: 'one',
    run: (sysroot) => sysroot.kernelArgs(sysroot.deployments[0]).edit({ append: ['quiet'] }),
    command: (admin) => admin('instutil', 'set-kargs', '--merge', '--append=quiet'),
    then: (before) => before,
  },
};

/** Node 20 does not parse `await using`. */
export async function perform(name, path, context) {
  const sysroot = await Sysroot.open(path);
  try {
    await operations[name].run(sysroot, context);
  } finally {
    await sysroot.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, path, context] = process.argv.slice(2);
  await perform(name, path, JSON.parse(context));
}
