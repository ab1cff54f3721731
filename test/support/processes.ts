// Other processes, as /proc tells of them.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const text = (path: string) => readFile(path, 'utf8').catch(() => '');

/** The children of a process whose command line has `part` in it. */
export async function childrenOf(pid: number, part: string): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(threads.map((id) => text(`/proc/${pid}/task/${id}/children`)));
  const children = lists.join(' ').split(' ').filter(Boolean).map(Number);
  const lines = await Promise.all(children.map(commandLine));
  return children.filter((_, i) => lines[i]?.includes(part));
}

export function commandLine(pid: number): Promise<string> {
  return text(`/proc/${pid}/cmdline`);
}

export function environment(pid: number): Promise<string> {
  return text(`/proc/${pid}/environ`);
}

/** Whether it runs: one that has ended and that nobody has asked after does not. */
export async function runs(pid: number): Promise<boolean> {
  const stat = await text(`/proc/${pid}/stat`);
  return stat !== '' && !/\) Z /.test(stat);
}

/** Milliseconds until it is gone; looks again and again, for as long as the test may take. */
export async function untilGone(pid: number): Promise<number> {
  const started = performance.now();
  while (await runs(pid)) await pause(10);
  return performance.now() - started;
}
