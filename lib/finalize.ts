// What happens to a staged deployment as the system goes down.
import type { CallOptions } from './call.js';
import { checkBoolean, checkOptions } from './check.js';
import type { Deployment } from './deployment.js';
import { native } from './native.js';
import { locked as underLock, type SysrootInner } from './sysroot-inner.js';

export interface FinalizeState {
  /** What will be finished as the system shuts down; null when nothing is staged. */
  readonly staged: Deployment | null;
  /** Whether that is locked: the system goes down without finishing it, and then it is gone. */
  readonly locked: boolean;
  /**
   * Why what was staged before could not be finished, in the words of the service that tried. It stands in /boot until
   * ostree-boot-complete.service reads and removes it.
   */
  readonly failure: string | null;
}

export async function finalizeState(sysroot: SysrootInner, options: CallOptions): Promise<FinalizeState> {
  checkOptions(options);
  const { deployments, locked, failure } = await sysroot.lifetime.run(options, (call) =>
    native().sysrootFinalizeState(sysroot.native, call),
  );
  return Object.freeze({ staged: sysroot.update(deployments).staged, locked, failure });
}

export async function lockFinalization(
  sysroot: SysrootInner,
  locked: boolean,
  options: CallOptions,
): Promise<void> {
  checkBoolean(locked, 'locked');
  checkOptions(options);
  await underLock(sysroot, options, (step) =>
    step((call) => native().sysrootLockFinalization(sysroot.native, locked, call)),
  );
}
