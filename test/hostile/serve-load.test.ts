// scripts/serve-load, for three seconds: pulls that are right while many others ask for everything.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const serveLoad = fileURLToPath(new URL('../../scripts/serve-load', import.meta.url));

function wrkMissing(): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v wrk'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

const missing = wrkMissing();
if (missing) console.warn('The handler is not tested under load: there is no wrk (a package of that name)');

describe.skipIf(missing)('createRepoHandler under load', () => {
  it('fails nobody', async () => {
    const { stdout, stderr, exitCode } = await execa(process.execPath, [serveLoad, '3'], { reject: false });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^errors: 0$/m);
    expect(exitCode).toBe(0);
  });
});
