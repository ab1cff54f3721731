import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

type Kind = 'F_RDLCK' | 'F_WRLCK';

/** Another process that holds the lock of a repository. The result ends it, and with it the lock. */
export function holdLock(repo: string, kind: Kind): Promise<() => Promise<void>> {
  return holdLockFile(join(repo, '.lock'), kind);
}

/** Another process that holds a lock file in the way libostree does (F_OFD_SETLK). */
export async function holdLockFile(path: string, kind: Kind): Promise<() => Promise<void>> {
  const script = `
import fcntl, struct, sys
F_OFD_SETLK = 37
f = open(sys.argv[1], 'a+')
fcntl.fcntl(f, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.${kind}, 0, 0, 0, 0))
print('held', flush=True)
sys.stdin.read()`;
  const child = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
}
