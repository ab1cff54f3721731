// scripts/kill-deploy, with few kills: what boots is whole whenever a change of deployments is killed.
import { fileURLToPath } from 'node:url';

import { execa, execaSync } from 'execa';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/kill-deploy', import.meta.url));

const whyNot = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'only root deploys';
  const { failed, stderr, code } = execaSync(
    'strace',
    ['-e', 'inject=close:signal=SIGWINCH:when=1', 'true'],
    {
      reject: false,
    },
  );
  return failed ? `strace does not work here: ${code ?? stderr}` : undefined;
})();

if (whyNot !== undefined) console.warn(`Skipped, for nothing can be killed at a system call: ${whyNot}`);

it.skipIf(whyNot)(
  `a deploy or rollback that is killed leaves what boots whole${whyNot ? ` (skipped: ${whyNot})` : ''}`,
  async () => {
    const args = ['--runs', '10', '--operation', 'oldest', '--operation', 'rollback'];
    const { stdout, stderr, exitCode } = await execa(script, args, { reject: false });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^10 kills in \d+ phases, 0 misses$/m);
    expect(exitCode).toBe(0);
  },
);

it.skipIf(whyNot)(`its checks find what is damaged${whyNot ? ` (skipped: ${whyNot})` : ''}`, async () => {
  const { stdout, stderr, exitCode } = await execa(script, ['--plant', '--operation', 'rollback'], {
    reject: false,
  });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^10 of 10 plants were found$/m);
  expect(exitCode).toBe(0);
});
