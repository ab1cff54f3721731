// An SSH server on a free port of the loopback interface, with keys of its own, for one test.
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import { freePort } from './nginx.js';
import { temporaryDirectory } from './repo.js';

const PROGRAM = '/usr/sbin/sshd';
const SFTP = ['/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server'];
export const SFTP_SERVER = SFTP.find((path) => existsSync(path)) ?? 'sftp-server';

/** Empty where there is a server; else what is missing. */
export const sshMissing = existsSync(PROGRAM) ? '' : `${PROGRAM} (Debian's openssh-server)`;

export interface Sshd {
  user: string;
  port: number;
  /** For the ssh command: the key, and the host's. */
  arguments: string[];
  /** Ends every connection. */
  hangUp: () => Promise<void>;
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

export async function sshd(): Promise<Sshd> {
  const dir = await temporaryDirectory();
  await chmod(dir, 0o700);
  for (const key of ['host', 'user'])
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
  await copyFile(join(dir, 'user.pub'), join(dir, 'authorized'));
  const port = await freePort();
  const sftp = existsSync(SFTP_SERVER) ? SFTP_SERVER : 'internal-sftp';
  const config = [
    `HostKey ${dir}/host`, `AuthorizedKeysFile ${dir}/authorized`, 'PasswordAuthentication no', 'PidFile none',
    'KbdInteractiveAuthentication no', 'UsePAM no', 'StrictModes no', 'PermitRootLogin yes', `Subsystem sftp ${sftp}`,
  ]; // prettier-ignore
  await writeFile(join(dir, 'sshd_config'), `${config.join('\n')}\n`);
  // Where privileges are separated, this must be there.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const server = execa(
    PROGRAM,
    ['-D', '-e', '-f', join(dir, 'sshd_config'), '-o', `ListenAddress=127.0.0.1:${port}`],
    {
      reject: false,
    },
  );
  let ended = false;
  void server.then(() => {
    ended = true;
  });
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await server;
  });
  while (!(await answers(port))) {
    if (ended) throw new Error(`sshd ended: ${(await server).stderr}`);
    await pause(10); // asks again until it listens; its end is noticed above
  }
  return {
    user: userInfo().username,
    port,
    arguments: [
      '-F',
      'none',
      '-i',
      join(dir, 'user'),
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `UserKnownHostsFile=${dir}/known`,
      '-o',
      'LogLevel=ERROR',
    ],
    async hangUp() {
      // The server's own children, one a connection.
      await execa('pkill', ['-KILL', '-P', String(server.pid)], { reject: false });
    },
  };
}
