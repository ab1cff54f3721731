// In the virtual machine: asks the host for the body of an async function, runs it with the booted sysroot open, and
// tells the host what it returned. What it throws keeps its code.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

import * as ostree from 'ostree';

const AsyncFunction = (async () => {}).constructor;
const cmdline = await fs.readFile('/proc/cmdline', 'utf8');
const host = /\bboot-test=(\S+)/.exec(cmdline)?.[1];
const bootId = (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();

/** A command's standard output; it must succeed. */
function exec(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

async function run({ body, args }) {
  const sysroot = await ostree.Sysroot.open();
  try {
    return {
      result:
        (await new AsyncFunction('sysroot', 'ostree', 'fs', 'exec', 'args', body)(
          sysroot,
          ostree,
          fs,
          exec,
          args,
        )) ?? null,
    };
  } catch (error) {
    return { error: { message: String(error.message), code: error.code, details: error.details } };
  } finally {
    await sysroot.close();
  }
}

async function ask(path, body) {
  for (;;) {
    try {
      const answer = await fetch(`${host}${path}`, {
        method: 'POST',
        headers: { 'boot-id': bootId },
        body: JSON.stringify(body),
      });
      if (answer.status === 200) return await answer.json();
    } catch {
      await pause(500);
    }
  }
}

let job = await ask('/hello', { uptime: uptime(), version: ostree.version, cmdline });
for (;;) job = await ask('/done', await run(job));
