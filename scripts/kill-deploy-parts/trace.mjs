// Programs that are killed as they enter a system call, by strace, and what strace saw before.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All that changes files, or waits for the disk. */
const CALLS =
  'mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,write,pwrite64,' +
  'sendfile,copy_file_range,ftruncate,fallocate,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,setxattr,' +
  'fsetxattr,lsetxattr,fremovexattr,utimensat,fsync,fdatasync,syncfs,ioctl,flock,openat';
const LIMIT = 60_000;

/** Runs a program to its end, which `kill` (a call and its number within a thread) may bring on. */
export async function traced(command, file, kill) {
  const strace = ['-f', '-y', '-qq', '-s', '64', '-o', file, '-e', `trace=${CALLS}`, '-e', 'signal=none'];
  if (kill) strace.push('-e', `inject=${kill.call}:signal=SIGKILL:when=${kill.number}`);
  const child = spawn('strace', [...strace, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += data));
  const timer = setTimeout(() => child.kill('SIGTERM'), LIMIT); // a hang
  const [code, signal] = await new Promise((resolve) => child.on('close', (...how) => resolve(how)));
  clearTimeout(timer);
  return { code, signal, stderr };
}

/** The calls of a trace that concern a directory: { thread, call, number, phase, unfinished }. */
export function callsOf(file, root) {
  const counts = new Map();
  const calls = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^(\d+) +(\w+)\((.*)$/.exec(line);
    if (!match) continue;
    const [, thread, call, rest] = match;
    const key = `${thread} ${call}`;
    const number = (counts.get(key) ?? 0) + 1;
    counts.set(key, number);
    if (call === 'openat' && !rest.includes('O_CREAT') && !rest.includes('O_TMPFILE')) continue;
    const path = pathOf(rest);
    if (!path?.startsWith(`${root}/`)) continue;
    const phase = `${call} ${placeOf(path.slice(root.length + 1))}`;
    calls.push({
      thread,
      call,
      number,
      phase,
      killed: rest.endsWith('= ?') || rest.endsWith('<unfinished ...>'),
    });
  }
  return calls;
}

/** What a call works on: of two paths, the new one. */
function pathOf(rest) {
  const whole = [...rest.matchAll(/(?:AT_FDCWD|\d+)<([^>]*)>(?:\(deleted\))?(?:, "((?:[^"\\]|\\.)*)")?/g)];
  const last = whole.at(-1);
  if (!last) return /^"(\/[^"]*)"/.exec(rest)?.[1];
  const [, dir, name = ''] = last;
  return name.startsWith('/') ? name : join(dir, name);
}

/** By the first that matches: what of a sysroot a path belongs to. */
const PLACES = [
  [/^boot\/loader\.\d\/entries/, 'boot entries'],
  [/^boot\/loader\.\d/, 'boot/loader.N'],
  [/^boot\/loader/, 'boot/loader link'],
  [/^boot\/ostree\/[^/]+$/, 'directory of kernels'],
  [/^boot\/ostree\/.*vmlinuz/, 'kernel'],
  [/^boot\/ostree\/.*initramfs/, 'initramfs'],
  [/^boot\/ostree\/./, 'kernel being copied'],
  [/^boot/, '/boot'],
  [/^ostree\/boot\.\d\.\d(\/[^/]+){0,2}$/, 'ostree/boot.N.M'],
  [/^ostree\/boot\.\d\.\d/, 'ostree= link'],
  [/^ostree\/boot\.\d/, 'ostree/boot.N link'],
  [/\/deploy\/[^/]+\.origin|\/deploy\/\.(?!tmp)/, 'origin'],
  [/\/deploy\/[^/]+$/, "deployment's root"],
  [/\/deploy\/[0-9a-f]{64}\.\d+\/etc/, "deployment's /etc"],
  [/\/deploy\/[0-9a-f]{64}\.\d+\/usr\/etc/, "deployment's /usr/etc"],
  [/\/deploy\/[0-9a-f]{64}\.\d+\/./, "deployment's checkout"],
  [/^ostree\/deploy\/[^/]+\/var/, '/var'],
  [/^ostree\/deploy/, 'ostree/deploy'],
  [/^ostree\/repo\/refs\/heads\/ostree/, 'refs of deployments'],
  [/^ostree\/repo\/refs/, 'refs'],
  [/^ostree\/repo\/objects\/.*\.commit/, 'commit object'],
  [/^ostree\/repo\/objects/, 'objects'],
  [/^ostree\/repo\/state/, 'repo/state'],
  [/^ostree\/repo\/tmp\/staging/, 'staging directory'],
  [/^ostree\/repo\/(tmp|extensions)/, 'repo/tmp'],
  [/^ostree\/repo/, 'repo'],
  [/^ostree\/lock/, 'lock'],
];

export function placeOf(path) {
  return PLACES.find(([pattern]) => pattern.test(path))?.[1] ?? (path === '' ? 'sysroot' : path);
}
