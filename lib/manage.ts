// What is done to deployments that are there.
import type { Call, Changed, NativeDeployment } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { checkBoolean, checkOptions, checkRefspec } from './check.js';
import { type Deployment, idOf } from './deployment.js';
import { checkKernelArgsEdit, type KernelArgsEdit, nativeEdit } from './kernel-args.js';
import { native } from './native.js';
import { shown } from './show.js';
import { changing, locked, made, type SysrootInner, taken } from './sysroot-inner.js';

/** A deployment, or its id; never an index, which may come to mean another one. */
export type DeploymentOrId = Deployment | string;

async function change(
  sysroot: SysrootInner,
  options: CallOptions,
  start: (call: Call) => Promise<Changed>,
): Promise<Deployment | undefined> {
  checkOptions(options);
  return await changing(sysroot, options, async (step) => taken(sysroot, await step(start)));
}

async function edit(
  sysroot: SysrootInner,
  options: CallOptions,
  start: (call: Call) => Promise<NativeDeployment[]>,
): Promise<void> {
  checkOptions(options);
  await locked(sysroot, options, async (step) => void sysroot.update(await step(start)));
}

export async function makeDefault(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  await change(sysroot, options, (call) => native().sysrootMakeDefault(sysroot.native, id, call));
}

export async function rollBack(sysroot: SysrootInner, options: CallOptions): Promise<Deployment> {
  checkOptions(options);
  return await changing(sysroot, options, async (step) =>
    made(sysroot, await step((call) => native().sysrootRollBack(sysroot.native, call))),
  );
}

export async function undeploy(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  await change(sysroot, options, (call) => native().sysrootUndeploy(sysroot.native, id, call));
}

export async function pin(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  pinned: boolean,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  checkBoolean(pinned, 'pinned');
  await edit(sysroot, options, (call) => native().sysrootPin(sysroot.native, id, pinned, call));
}

export async function setOrigin(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  refspec: string,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  checkRefspec(refspec);
  await edit(sysroot, options, (call) => native().sysrootSetOrigin(sysroot.native, id, refspec, call));
}

export async function cleanup(sysroot: SysrootInner, options: CallOptions): Promise<void> {
  checkOptions(options);
  await changing(sysroot, options, async (step) => {
    sysroot.update(await step((call) => native().sysrootCleanup(sysroot.native, call)));
  });
}

/** The kernel arguments of one deployment. */
export class DeploymentKernelArgs {
  readonly #sysroot: SysrootInner;
  readonly #id: string;

  static {
    shown(this, (args) =>
      #sysroot in args ? { sysroot: args.#sysroot.path, deployment: args.#id } : undefined,
    );
  }

  /** @internal Use `sysroot.kernelArgs()`. */
  constructor(sysroot: SysrootInner, deployment: DeploymentOrId) {
    this.#sysroot = sysroot;
    this.#id = idOf(deployment);
  }

  /** As they are on disk now, without `ostree=`. Wraps `ostree_deployment_get_bootconfig()`. */
  async get(options: CallOptions = {}): Promise<string[]> {
    checkOptions(options);
    const { native: sysroot, lifetime } = this.#sysroot;
    return await lifetime.run(options, (call) => native().sysrootKernelArgs(sysroot, this.#id, call));
  }

  /**
   * Makes all changes with one write of the boot entries; the result is the new list.
   * Wraps `ostree_sysroot_deployment_set_kargs()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when the deployment, or an argument to delete, is not there; `NOT_SUPPORTED` when it is staged,
   * or booted and libostree cannot edit that: `deploy(deployment.checksum, { kernelArgs })` makes one with other arguments
   */
  async edit(edit: KernelArgsEdit, options: CallOptions = {}): Promise<string[]> {
    checkKernelArgsEdit(edit, 'edit');
    checkOptions(options);
    const request = nativeEdit(edit);
    const sysroot = this.#sysroot;
    const deployment = await changing(sysroot, options, async (step) =>
      made(
        sysroot,
        await step((call) => native().sysrootEditKernelArgs(sysroot.native, this.#id, request, call)),
      ),
    );
    return [...deployment.kernelArgs];
  }
}
