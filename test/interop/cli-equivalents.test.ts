// docs/cli-equivalents.md, line by line: what the command does, this package does as well.
import { readFileSync } from 'node:fs';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

import { booted, whyNotBooted } from '../support/booted.js';
import { adminRows } from './cli-rows/admin.js';
import { bootedRows } from './cli-rows/booted.js';
import { newerRows } from './cli-rows/newer.js';
import type { Rows } from './cli-rows/pair.js';
import { readRows } from './cli-rows/read.js';
import { remoteRows } from './cli-rows/remotes.js';
import { signRows } from './cli-rows/sign.js';
import { writeRows } from './cli-rows/write.js';

const unbooted: Rows = { ...readRows, ...writeRows, ...remoteRows, ...signRows, ...adminRows, ...newerRows };
const rows: Rows = { ...unbooted, ...bootedRows };

/** The commands in the first column of the document's tables. */
function documented(): string[] {
  const text = readFileSync(new URL('../../docs/cli-equivalents.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^\| `(?<command>ostree [^`]+)`\s*\|/gm)].map(
    (match) => match.groups?.['command'] ?? '',
  );
}

/** Where a command lists its subcommands. */
async function help(group: string): Promise<string> {
  const { stdout, stderr } = await execa('ostree', [...(group === '' ? [] : [group]), '--help']);
  return stdout + stderr;
}

describe('docs/cli-equivalents.md', () => {
  it('has the same lines as there are tests', () => {
    expect(documented().sort()).toEqual(Object.keys(rows).sort());
  });

  it('has a line for every command that there is here', async () => {
    const named = (text: string) => [...text.matchAll(/^ {2}([a-z][a-z-]+)( |$)/gm)].map(([, name]) => name);
    const missing = [];
    for (const group of ['', ' admin', ' remote', ' static-delta']) {
      for (const name of named(await help(group.trim())).filter(
        (name) => !['ostree', 'admin'].includes(String(name)),
      ))
        if (!documented().some((line) => `${line} `.startsWith(`ostree${group} ${name} `)))
          missing.push(`ostree${group} ${name}`);
    }
    expect(missing).toEqual([]);
  });

  it.each(Object.entries(unbooted))('%s', async (_command, row) => {
    await row();
  });

  describe.skipIf(whyNotBooted)(booted, () => {
    it.each(Object.entries(bootedRows))('%s', async (_command, row) => {
      await row();
    });
  });
});
