import { Sysroot } from 'ostree';
import { expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

async function deployed(): Promise<Sysroot> {
  const { path, pull, admin } = await (await tinyOs()).sysroot();
  await pull();
  await admin('deploy', '--os=tiny', REFSPEC);
  return await Sysroot.open(path);
}

const first = (sysroot: Sysroot) => sysroot.deployments[0]?.id ?? '';

it('finalizeState is empty where nothing is booted, and nothing can be locked', async () => {
  await using sysroot = await deployed();
  expect(await sysroot.finalizeState()).toEqual({ staged: null, locked: false, failure: null });
  await expect(sysroot.lockFinalization()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(sysroot.lockFinalization('yes' as never)).rejects.toEqual(typeError(/^locked must be/));
});

it('unlock rejects with NOT_BOOTED, and refuses wrong arguments', async () => {
  await using sysroot = await deployed();
  const unlock = sysroot.unlock(first(sysroot), 'development');
  await expect(unlock).rejects.toMatchObject({ name: 'OstreeError', code: 'NOT_BOOTED' });
  await expect(sysroot.unlock('none', 'hotfix')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(sysroot.unlock(first(sysroot), 'for good' as never)).rejects.toEqual(
    rangeError(/^mode must be/),
  );
  await expect(sysroot.unlock(0 as never, 'hotfix')).rejects.toEqual(typeError(/^deployment must be/));
  const signal = AbortSignal.abort();
  await expect(sysroot.unlock(first(sysroot), 'hotfix', { signal })).rejects.toBe(signal.reason);
});

it('what libostree has not is NOT_SUPPORTED and names the version that has it', async () => {
  await using sysroot = await deployed();
  const calls = {
    '2025.3': [() => sysroot.softReboot(first(sysroot)), () => sysroot.softReboot(null)],
    '2025.1': [() => sysroot.kexecLoad(first(sysroot))],
    '2023.8': [() => sysroot.updatePostCopy()],
  };
  for (const [version, starts] of Object.entries(calls))
    for (const start of starts) {
      const error: unknown = await start().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      // A libostree that has the function refuses for another reason, or does it.
      if (error !== undefined) expect(error).toMatchObject({ name: 'OstreeError' });
      if ((error as { code?: string }).code === 'NOT_SUPPORTED')
        expect((error as Error).message).toContain(version);
    }
  await expect(sysroot.softReboot(first(sysroot), { allowKernelSkew: 1 as never })).rejects.toEqual(
    typeError(/^options.allowKernelSkew must be/),
  );
  await expect(sysroot.kexecLoad(null as never)).rejects.toEqual(typeError(/^deployment must be/));
});
