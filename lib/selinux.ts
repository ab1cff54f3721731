// The SELinux policy that a commit is labelled by: the option, checked and put as the addon wants it.
import { resolve } from 'node:path';

import type { SelinuxSpec } from '../typings/addon.js';
import { checkKnown, checkName, checkObject, typeError, valueError } from './check.js';

/** Where the policy of a commit comes from, and how it is applied. */
export type SelinuxOptions = (
  | {
      /** The root directory of a system, whose `etc/selinux`, or else `usr/etc/selinux`, has the policy. */
      policy: string;
    }
  | {
      /**
       * true: the policy that the tree brings with it, of `base`, or else of the first source, which then is a directory of
       * this machine or of the repository. Of a commit it is that in `/usr/etc/selinux`.
       */
      fromBase: true;
    }
) & {
  /**
   * 1: `/usr/etc` has the labels of `/etc`, as with `--selinux-labeling-epoch=1`, which the command knows from libostree
   * 2023.7 on; here it works with every version, and for archives too. Unless given: 0.
   */
  labelingEpoch?: 0 | 1 | undefined;
};

export function selinuxSpec(value: unknown, tree: unknown, base: unknown): SelinuxSpec | undefined {
  const name = 'options.selinux';
  if (value === undefined || value === false) return undefined;
  if (value === true) return selinuxSpec({ fromBase: true }, tree, base);
  if (typeof value === 'string') return selinuxSpec({ policy: value }, tree, base);
  checkObject(value, name);
  checkKnown(value, { policy: true, fromBase: true, labelingEpoch: true }, name);
  const { policy, fromBase, labelingEpoch = 0 } = value;
  if ((policy === undefined) === (fromBase === undefined))
    throw valueError(name, "must have one of 'policy' and 'fromBase'");
  if (typeof labelingEpoch !== 'number') throw typeError(`${name}.labelingEpoch`, 'a number', labelingEpoch);
  if (labelingEpoch !== 0 && labelingEpoch !== 1)
    throw valueError(`${name}.labelingEpoch`, `must be 0 or 1. Received ${labelingEpoch}`);
  if (policy !== undefined) {
    checkName(policy, `${name}.policy`);
    return { policy: resolve(policy), labelingEpoch };
  }
  if (typeof fromBase !== 'boolean') throw typeError(`${name}.fromBase`, 'true', fromBase);
  if (!fromBase) throw valueError(`${name}.fromBase`, 'must be true, or not be given');
  if (base === undefined) checkFirst(tree);
  return { labelingEpoch };
}

/** As `ostree commit --selinux-policy-from-base`, which refuses archives. */
function checkFirst(tree: unknown): void {
  const first: unknown = Array.isArray(tree) ? tree[0] : tree;
  const isWhole = typeof first === 'string' || (typeof first === 'object' && first !== null);
  if (!isWhole) throw valueError('options.selinux.fromBase', 'needs a base or a source');
  if (typeof first === 'object' && ('tar' in first || 'files' in first))
    throw valueError('options.selinux.fromBase', 'cannot take the policy from an archive or from files');
}
