// A medium, as one that is plugged in and mounted.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { onTestFinished, type TestContext } from 'vitest';

import { temporaryDirectory } from './repo.js';

/** An ext4 file system in a file, mounted where media are. */
export async function mountedMedium({ skip }: Pick<TestContext, 'skip'>): Promise<string> {
  const image = join(await temporaryDirectory(), 'image');
  const root = await mkdtemp('/media/ostree-test-').catch((error: Error) => error);
  if (root instanceof Error) return skip(`nothing can be mounted below /media here: ${root.message}`);
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await writeFile(image, '');
  const made = await execa('mkfs.ext4', ['-q', image, '32M'], { reject: false });
  const mounted = await execa('mount', ['-o', 'loop', image, root], { reject: false });
  if (made.failed || mounted.failed)
    skip(`no file system can be mounted here: ${String(made.stderr)}${String(mounted.stderr)}`);
  onTestFinished(async () => {
    await execa('umount', [root]);
  });
  return root;
}
