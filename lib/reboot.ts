// Other ways into the next deployment than a whole reboot, and what must be done after a sysroot was copied.
import type { Call, NativeDeployment } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { type Names, checkBoolean, checkOptions } from './check.js';
import { idOf } from './deployment.js';
import type { DeploymentOrId } from './manage.js';
import { native } from './native.js';
import { locked, type SysrootInner } from './sysroot-inner.js';

export interface SoftRebootOptions extends CallOptions {
  /** Also where the deployment has another kernel than the one that goes on running. */
  allowKernelSkew?: boolean | undefined;
}

function change(
  sysroot: SysrootInner,
  options: CallOptions,
  start: (call: Call) => Promise<void>,
): Promise<void> {
  return locked(sysroot, options, async (step) => {
    await step(start);
    const deployments: NativeDeployment[] = await step((call) =>
      native().sysrootReload(sysroot.native, call),
    );
    sysroot.update(deployments);
  });
}

const OPTIONS: Names<SoftRebootOptions> = { signal: true, allowKernelSkew: true };

export async function softReboot(
  sysroot: SysrootInner,
  deployment: DeploymentOrId | null,
  options: SoftRebootOptions,
): Promise<void> {
  checkOptions(options, OPTIONS);
  const { allowKernelSkew = false, ...rest } = options;
  checkBoolean(allowKernelSkew, 'options.allowKernelSkew');
  const id = deployment === null ? undefined : idOf(deployment);
  await change(sysroot, rest, (call) =>
    id === undefined
      ? native().sysrootClearSoftReboot(sysroot.native, call)
      : native().sysrootSoftReboot(sysroot.native, id, allowKernelSkew, call),
  );
}

export async function kexecLoad(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  checkOptions(options);
  await change(sysroot, options, (call) => native().sysrootKexecLoad(sysroot.native, id, call));
}

export async function updatePostCopy(sysroot: SysrootInner, options: CallOptions): Promise<void> {
  checkOptions(options);
  await change(sysroot, options, (call) => native().sysrootUpdatePostCopy(sysroot.native, call));
}
