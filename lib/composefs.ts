// repo.checkoutComposefs(): the image of a commit.
import { resolve } from 'node:path';

import type { ComposefsImage } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { checkName, checkOptions, checkRev, type Names, typeError, valueError } from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

export type { ComposefsImage };

export interface CheckoutComposefsOptions extends CallOptions {
  /**
   * Which files the image has the fs-verity digests of, for the kernel to compare with when they are read:
   *
   * - `true`: all (the default). Of files that the file system knows no digest of, they are computed: all content is
   *   read. The digest of the image is compared with that in the commit, where it has one.
   * - `'if-present'`: those that the file system knows
   * - `false`: none, as `ostree checkout --composefs-noverity`
   *
   * Other than `true`, it needs libostree 2024.9.
   */
  verity?: boolean | 'if-present' | undefined;
}

const OPTIONS: Names<CheckoutComposefsOptions> = { signal: true, verity: true };

function verityNumber(verity: unknown): number {
  if (typeof verity === 'boolean') return verity ? 2 : 0;
  if (typeof verity !== 'string') throw typeError('options.verity', "a boolean or 'if-present'", verity);
  if (verity !== 'if-present')
    throw valueError('options.verity', `must be a boolean or 'if-present'. Received '${verity}'`);
  return 1;
}

export async function checkoutComposefs(
  repo: RepoInner,
  rev: Rev,
  destination: string,
  options: CheckoutComposefsOptions,
): Promise<ComposefsImage> {
  checkRev(rev);
  checkName(destination, 'destination');
  if (destination.endsWith('/'))
    throw valueError('destination', `must not end with '/': it is a file's path`);
  checkOptions(options, OPTIONS);
  const { verity = true } = options;
  const spec = { rev, destination: resolve(destination), verity: verityNumber(verity) };
  return await repo.lifetime.run(options, (call) => native().composefsCheckout(repo.native, spec, call));
}
