// docs/cli-equivalents.md, line by line: what the command does, this package does as well.
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { booted, whyNotBooted } from '../support/booted.js';
import { adminRows } from './cli-rows/admin.js';
import { bootedRows } from './cli-rows/booted.js';
import type { Rows } from './cli-rows/pair.js';
import { readRows } from './cli-rows/read.js';
import { remoteRows } from './cli-rows/remotes.js';
import { signRows } from './cli-rows/sign.js';
import { writeRows } from './cli-rows/write.js';

const unbooted: Rows = { ...readRows, ...writeRows, ...remoteRows, ...signRows, ...adminRows };
const rows: Rows = { ...unbooted, ...bootedRows };

/** The commands in the first column of the document's tables. */
function documented(): string[] {
  const text = readFileSync(new URL('../../docs/cli-equivalents.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^\| `(?<command>ostree [^`]+)`\s*\|/gm)].map(
    (match) => match.groups?.['command'] ?? '',
  );
}

describe('docs/cli-equivalents.md', () => {
  it('has the same lines as there are tests', () => {
    expect(documented().sort()).toEqual(Object.keys(rows).sort());
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
