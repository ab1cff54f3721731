// New deployments.
import { resolve } from 'node:path';

import type { DeployRequest } from '../typings/addon.js';
import type { ProgressOptions } from './call.js';
import {
  checkArray,
  checkBoolean,
  checkName,
  checkObject,
  checkRev,
  checkString,
  typeError,
  valueError,
  type Names,
  checkOptions,
} from './check.js';
import type { Deployment, Origin } from './deployment.js';
import {
  EDIT,
  checkKernelArgs,
  checkKernelArgsEdit,
  KernelArgs,
  type KernelArgsEdit,
  nativeEdit,
} from './kernel-args.js';
import { native } from './native.js';
import { changing, made, type SysrootInner } from './sysroot-inner.js';
import type { Rev } from './types.js';

/** How a deployment comes by its kernel arguments: changes to those of the one it follows. */
export interface DeployKernelArgs extends KernelArgsEdit {
  /** Start from nothing instead. */
  none?: boolean | undefined;
  /** Start from those that the running kernel was given instead. */
  procCmdline?: boolean | undefined;
}

/** What is being done: looking and clearing up, checking the tree out and merging /etc, writing the boot entries, cleaning up. */
export interface DeployProgress {
  phase: 'prepare' | 'checkout' | 'write' | 'cleanup';
  /** libostree's latest message, such as how many files of /etc were merged. */
  message?: string;
}

export interface DeployOptions extends ProgressOptions<DeployProgress> {
  /** The stateroot to deploy in; that of the booted deployment unless given. */
  stateroot?: string | undefined;
  /** Finish it as the running system shuts down, so that /etc is merged as it is then. */
  stage?: boolean | undefined;
  /** What the deployment follows: a refspec, or the keys of an origin file. The revision itself unless given. */
  origin?: string | Origin | undefined;
  /**
   * An array is the whole list; an object changes the list of the deployment whose configuration is merged. Without
   * either, that list is taken over.
   */
  kernelArgs?: readonly string[] | KernelArgs | DeployKernelArgs | undefined;
  /** Paths of initramfs images that the boot loader adds to that of the tree. */
  overlayInitrds?: readonly string[] | undefined;
  /** Keep all other deployments. Otherwise the booted and merged ones, pinned ones and those of other stateroots stay. */
  retain?: boolean | undefined;
  /** Keep those that would have booted next. */
  retainPending?: boolean | undefined;
  /** Keep those for rolling back. */
  retainRollback?: boolean | undefined;
  /** Do not boot it next: it comes behind the booted, or else the merged, one. */
  notAsDefault?: boolean | undefined;
  /** Start from the shipped configuration: neither /etc nor kernel arguments are taken over. */
  noMerge?: boolean | undefined;
  /** With `stage`: do not finish it until told to. */
  lockFinalization?: boolean | undefined;
}

const FLAGS = [
  'stage',
  'retain',
  'retainPending',
  'retainRollback',
  'notAsDefault',
  'noMerge',
  'lockFinalization',
] as const;

/** It is a directory's name, and part of file names and of a kernel argument. */
export function checkStateroot(value: unknown, name: string): asserts value is string {
  checkName(value, name);
  if (/[/\s\p{Cc}]/u.test(value) || value === '.' || value === '..' || Buffer.byteLength(value) > 128)
    throw valueError(
      name,
      `must be a name of at most 128 bytes without '/' and white space. Received '${value}'`,
    );
}

function originOf(value: string | Origin | undefined): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') {
    checkRev(value, 'options.origin');
    return { refspec: value };
  }
  checkObject(value, 'options.origin');
  const origin: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (text === undefined) continue;
    if (!/^[^\s=[\]][^=[\]\n\r]*$/.test(key))
      throw valueError('options.origin', `has a key that an origin file cannot have: '${key}'`);
    checkString(text, `options.origin.${key}`);
    origin[key] = text;
  }
  return origin;
}

type KernelArgsRequest = Pick<DeployRequest, 'kernelArgs' | 'kernelArgsBase'>;

const KERNEL_ARGS: Names<DeployKernelArgs> = { ...EDIT, none: true, procCmdline: true };

function kernelArgsOf(value: DeployOptions['kernelArgs'], noMerge: boolean): KernelArgsRequest {
  const name = 'options.kernelArgs';
  if (value === undefined) return { kernelArgsBase: 'merge', kernelArgs: nativeEdit({}) };
  if (Array.isArray(value) || value instanceof KernelArgs) {
    const append = [...value];
    checkKernelArgs(append, name);
    return { kernelArgsBase: 'none', kernelArgs: nativeEdit({ append }) };
  }
  if (typeof value !== 'object' || value === null) throw typeError(name, 'an array or an object', value);
  checkKernelArgsEdit(value, name, KERNEL_ARGS);
  const { none = false, procCmdline = false } = value;
  checkBoolean(none, `${name}.none`);
  checkBoolean(procCmdline, `${name}.procCmdline`);
  if (none && procCmdline) throw valueError(name, 'cannot have both none and procCmdline');
  if (value.delete?.length && !procCmdline && (none || noMerge))
    throw valueError(`${name}.delete`, 'has nothing to delete from with none or noMerge');
  const kernelArgsBase = none ? 'none' : procCmdline ? 'proc-cmdline' : 'merge';
  return { kernelArgsBase, kernelArgs: nativeEdit(value) };
}

const OPTIONS: Names<DeployOptions> = {
  signal: true,
  onProgress: true,
  stateroot: true,
  stage: true,
  origin: true,
  kernelArgs: true,
  overlayInitrds: true,
  retain: true,
  retainPending: true,
  retainRollback: true,
  notAsDefault: true,
  noMerge: true,
  lockFinalization: true,
};

function requestOf(rev: Rev, options: DeployOptions): DeployRequest {
  checkRev(rev);
  checkOptions(options, OPTIONS);
  const { stateroot, origin, kernelArgs, overlayInitrds = [] } = options;
  if (stateroot !== undefined) checkStateroot(stateroot, 'options.stateroot');
  checkArray(overlayInitrds, 'options.overlayInitrds');
  for (const [i, path] of overlayInitrds.entries()) checkName(path, `options.overlayInitrds[${i}]`);
  const flags = Object.fromEntries(
    FLAGS.map((flag) => {
      const value = options[flag] ?? false;
      checkBoolean(value, `options.${flag}`);
      return [flag, value];
    }),
  ) as Record<(typeof FLAGS)[number], boolean>;
  for (const flag of ['retain', 'retainPending', 'retainRollback', 'notAsDefault'] as const)
    if (flags.stage && flags[flag]) throw valueError(`options.${flag}`, 'cannot be combined with stage');
  if (flags.lockFinalization && !flags.stage) throw valueError('options.lockFinalization', 'needs stage');
  return {
    rev,
    stateroot,
    origin: originOf(origin),
    ...kernelArgsOf(kernelArgs, flags.noMerge),
    overlayInitrds: overlayInitrds.map((path) => resolve(path)),
    ...flags,
  };
}

export async function deploy(sysroot: SysrootInner, rev: Rev, options: DeployOptions): Promise<Deployment> {
  const request = requestOf(rev, options);
  const { onProgress } = options;
  return await changing(sysroot, options, async (step) =>
    made(
      sysroot,
      await step((call) => native().sysrootDeploy(sysroot.native, request, call), { onProgress }),
    ),
  );
}
