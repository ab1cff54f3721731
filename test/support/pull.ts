// What tests of pulling pull from.
import { Repo } from 'ostree';

import { nginx } from './nginx.js';
import { cliRepo } from './repo.js';

/** Files in a few directories, `count` of them. */
export function files(count: number, text = ''): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`dir-${i % 7}/file-${i}`, `${text}${i}\n`]),
  );
}

/** A repository with two commits of main and one of os/next, served by nginx, and one that has it as 'origin'. */
export async function served(mode = 'bare-user') {
  const source = await cliRepo();
  const first = await source.commit('main', files(20));
  const second = await source.commit('main', files(30));
  const next = await source.commit('os/next', { 'usr/bin/a': 'a', 'usr/share/b': 'b' });
  await source.ostree('summary', '--update');
  const { url, log } = await nginx(source.path);
  const target = await cliRepo(mode);
  const repo = await Repo.open(target.path);
  await repo.remotes.add('origin', url, { gpgVerify: false });
  return { source, target, repo, url, log, first, second, next };
}
