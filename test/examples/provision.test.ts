// The example that scripts/quickstart runs, on a tree of a few files. It uses the built package.
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { compileExamples, runExample } from '../support/example.js';
import { ostree, temporaryDirectory, writeTree } from '../support/repo.js';

const isRoot = process.getuid?.() === 0;

async function smallTree() {
  const dir = await temporaryDirectory();
  await writeTree(dir, {
    'tree/usr/bin/hello': '#!/bin/sh\necho hello\n',
    'tree/usr/share/doc/hello': 'It says hello.\n',
    'tree/etc/hello.conf': 'loud=no\n',
    'tree/etc/private/key': 'secret\n',
    'tree/etc/shadow': 'root:*\n',
    'tmp/.keep': '',
  });
  await chmod(join(dir, 'tree/etc/shadow'), 0o640);
  await chmod(join(dir, 'tree/etc/private'), 0o700);
  return { tree: join(dir, 'tree'), tmp: join(dir, 'tmp'), keep: join(dir, 'kept') };
}

interface Document {
  ok: boolean;
  error?: unknown;
  kernel: { real: boolean };
  sizes: Record<string, number>;
  deployments: { version: string; kernelArgs: string[]; path: string }[];
  steps: ({ id: string; milliseconds: number } & Record<string, unknown>)[];
}

beforeAll(compileExamples);
if (!isRoot) console.warn('provision.ts needs root, so only its refusal is tested here');

describe.runIf(isRoot)('provision.ts', () => {
  it('goes all the way, and tells of it in one JSON document', async () => {
    const { tree, tmp, keep } = await smallTree();
    const { stdout, stderr, exitCode } = await runExample(
      'provision',
      ['--json', '--tree', tree, '--keep', keep],
      tmp,
    );
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const result = JSON.parse(stdout) as Document;
    expect(result).toMatchObject({ ok: true, kernel: { real: false } });

    const steps = Object.fromEntries(result.steps.map(({ id, ...step }) => [id, step]));
    expect(Object.keys(steps)).toEqual([
      ...['key', 'base', 'server', 'summary', 'serve', 'device', 'pull', 'deploy', 'etc', 'update'],
      ...['upgrade', 'configDiff', 'rollBack', 'forged'],
    ]);
    for (const { id, milliseconds } of result.steps) expect(milliseconds, id).toBeGreaterThanOrEqual(0);
    const { server, update, upgrade } = steps;
    expect(steps['base']).toMatchObject({ branch: 'os/base', contentObjects: expect.any(Number) });
    expect(steps['pull']).toMatchObject({
      checksum: server?.['checksum'],
      bytesTransferred: expect.any(Number),
    });
    expect(steps['deploy']).toMatchObject({
      version: '1.0',
      deployment: `demo-${String(server?.['checksum'])}.0`,
      kernelArgs: ['root=LABEL=root', 'rw', 'quiet'],
    });
    expect(upgrade).toMatchObject({ changed: true, version: '2.0' });
    expect(upgrade?.['deployment']).toBe(`demo-${String(update?.['checksum'])}.0`);
    expect(steps['configDiff']).toMatchObject({
      modified: ['/server.conf'],
      removed: ['/unwanted.conf'],
      added: ['/local.conf'],
    });
    expect(steps['rollBack']).toMatchObject({ version: '1.0', deployment: steps['deploy']?.['deployment'] });
    expect(steps['forged']).toMatchObject({ refused: 'SIGNATURE', message: expect.stringContaining('BAD') });
    expect(result.deployments.map(({ version }) => version)).toEqual(['1.0', '2.0']);
    expect(result.sizes).toEqual({ repository: expect.any(Number), device: expect.any(Number) });

    // What is kept is what the command sees, without what nobody else may read; and the rest is gone.
    const status = await ostree('admin', `--sysroot=${join(keep, 'device')}`, 'status');
    expect(status.match(/Version: [\d.]+/g)).toEqual(['Version: 1.0', 'Version: 2.0']);
    const listed = await ostree(`--repo=${join(keep, 'repo')}`, 'ls', '-R', 'os/server');
    expect(listed).toContain('/usr/etc/hello.conf');
    expect(listed).toMatch(/^d00755 0 0 +0 \/\n/);
    expect(listed).not.toMatch(/shadow|private/);
    expect(await ostree(`--repo=${join(keep, 'device/ostree/repo')}`, 'fsck')).toContain('no errors found');
    expect(await readdir(tmp)).toEqual(['.keep']);
  });

  it('prints lines of 80 columns at most, and removes everything, immutable deployments too', async () => {
    const { tree, tmp } = await smallTree();
    const { stdout, exitCode } = await runExample('provision', ['--tree', tree], tmp, {
      OSTREE_SYSROOT_DEBUG: '',
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('refused: SIGNATURE');
    expect(stdout).toMatch(/All as it should be, in \d+\.\d s\.$/);
    // A path or a checksum stays whole.
    const long = stdout.split('\n').filter((line) => line.length > 79 && /\S \S/.test(line.trim()));
    expect(long).toEqual([]);
    expect(await readdir(tmp)).toEqual(['.keep']);
  });

  it('cleans up when it is interrupted, and says so in its exit code', async () => {
    const { tree, tmp } = await smallTree();
    const running = runExample('provision', ['--tree', tree], tmp);
    running.stdout.on('data', (text: Buffer) => {
      if (text.toString().includes('Deploy it')) running.kill('SIGINT');
    });
    const { exitCode, stdout, stderr } = await running;
    expect(stderr).toContain('SIGINT: stopping and cleaning up');
    expect(stdout).not.toContain('Roll back');
    expect(exitCode).toBe(130);
    expect(await readdir(tmp)).toEqual(['.keep']);
  });

  it('cleans up after a failure, which it tells of', async () => {
    const { tmp } = await smallTree();
    const { exitCode, stdout } = await runExample('provision', ['--json', '--tree', '/nowhere'], tmp);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { message: 'there is no /nowhere/etc' } });
    expect(await readdir(tmp)).toEqual(['.keep']);
  });

  it('refuses a directory that is in use, and options it does not know', async () => {
    const { tree, tmp } = await smallTree();
    expect(await runExample('provision', ['--keep', tree], tmp)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is not empty'),
    });
    expect(await runExample('provision', ['--kep', tree], tmp)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("'--kep'"),
    });
  });
});

describe('provision.ts', () => {
  it('lists its options', async () => {
    const { stdout, exitCode } = await runExample('provision', ['--help'], '/tmp');
    expect(exitCode).toBe(0);
    for (const option of ['--json', '--keep DIR', '--tree DIR', '--kernel DIR'])
      expect(stdout).toContain(option);
  });

  it('names the command to run when it is not root', async () => {
    const nobody = { NODE_OPTIONS: '--import=data:text/javascript,process.getuid=()=>65534' };
    const { stderr, exitCode } = await runExample('provision', ['--tree', "it's"], '/tmp', nobody);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/must run as root. Run:\n {2}sudo '.*provision\.js' '--tree' 'it'\\''s'$/);
  });
});
