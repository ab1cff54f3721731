// The program that Sysroot.unlock() runs: libostree forks to mount, and the child ends as the whole process would, which
// must not be that of the caller. Its arguments are the sysroot, the deployment and the mode; its standard output is
// what went wrong, as JSON. The caller holds the lock of the sysroot.
import { run } from './call.js';
import { reportOf } from './helper.js';
import { native } from './native.js';

const [path = '/', id = '', mode = ''] = process.argv.slice(2);

async function unlock(): Promise<void> {
  const { handle } = await run({}, (call) => native().sysrootOpen(path, call));
  try {
    await run({}, (call) => native().sysrootUnlockUsr(handle, id, mode, call));
  } finally {
    await run({}, (call) => native().sysrootClose(handle, call));
  }
}

process.stdout.write(
  JSON.stringify(
    await unlock().then(
      () => ({}),
      (error: unknown) => ({ error: reportOf(error) }),
    ),
  ),
);
