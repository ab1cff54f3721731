// Trees that nobody thought of, with options that nobody would combine: the commit is the command's, to the last bit.
//   GENERATED_TREES=2000   how many trees (scripts/generated-trees); FC_SEED=1   the trees of another run
import { execa } from 'execa';
import fc from 'fast-check';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Repo, type RepoMode, type TreeSource } from 'ostree';
import { describe, expect, it } from 'vitest';

import {
  commandOptions,
  pathOptions,
  type PathRule,
  pathRule,
  trees,
  wholeTreeOptions,
  type WholeTreeOptions,
} from '../support/arbitrary-trees.js';
import { checksumsAt } from '../support/objects.js';
import { ostree } from '../support/repo.js';
import { isRoot, makeTree, type TreeDirectory } from '../support/trees.js';

const MODES = ['archive', 'bare', 'bare-user', 'bare-user-only'] as const;
// Only root can store what others own.
const modes: readonly RepoMode[] = isRoot ? MODES : MODES.filter((mode) => mode !== 'bare');

const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
const wanted = Number(process.env['GENERATED_TREES'] ?? 60);
const MINUTE = 60_000;

/** Directories next to each other, and how each mode of repository commits them. */
interface Case {
  trees: { tree: TreeDirectory; rules: PathRule[] }[];
  variants: { mode: RepoMode; options: WholeTreeOptions; hasRules: boolean }[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  trees: fc.array(fc.record({ tree: trees(), rules: fc.array(pathRule, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 32,
    size: 'max',
  }),
  variants: fc.tuple(
    ...modes.map((mode) =>
      fc.record({ mode: fc.constant(mode), options: wholeTreeOptions, hasRules: fc.boolean() }),
    ),
  ),
});

async function inDirectory(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ostree-generated-'));
  try {
    await body(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function everyVariantIsTheCommands({ trees: generated, variants }: Case): Promise<void> {
  await inDirectory(async (dir) => {
    const root: TreeDirectory = { type: 'directory', entries: {} };
    for (const [i, { tree }] of generated.entries()) root.entries[i] = tree;
    await makeTree(join(dir, 'tree'), root);
    for (const variant of variants) await isTheCommands(dir, generated, variant);
  });
}

async function isTheCommands(
  dir: string,
  generated: Case['trees'],
  { mode, options, hasRules }: Case['variants'][number],
): Promise<void> {
  const rules = generated.map(({ tree, rules: some }, i) => pathOptions(tree, hasRules ? some : [], `/${i}`));
  const paths = {
    skip: rules.flatMap(({ skip }) => skip),
    statOverride: Object.fromEntries(rules.flatMap(({ statOverride }) => Object.entries(statOverride))),
  };
  const owner = options.canonicalPermissions ? undefined : options.owner;
  const repos = { theirs: join(dir, `theirs-${mode}`), ours: join(dir, `ours-${mode}`) };
  await (await Repo.create(repos.theirs, { mode })).close();
  const { args, overrides, skips } = commandOptions({ ...options, owner }, paths);
  await writeFile(join(dir, 'overrides'), overrides);
  await writeFile(join(dir, 'skips'), skips);
  const theirs = await ostree(
    `--repo=${repos.theirs}`,
    'commit',
    '--branch=main',
    '--fsync=false',
    '--timestamp=2024-02-03 04:05:06 +0000',
    `--statoverride=${join(dir, 'overrides')}`,
    `--skip-list=${join(dir, 'skips')}`,
    ...args,
    `--tree=dir=${join(dir, 'tree')}`,
  );
  await (await Repo.create(repos.ours, { mode })).close();
  await using repo = await Repo.open(repos.ours, { fsync: false });
  const { checksum } = await repo.commit({
    ...options,
    ...paths,
    owner,
    tree: join(dir, 'tree'),
    branch: 'main',
    timestamp: new Date('2024-02-03T04:05:06Z'),
  });
  if (checksum !== theirs) {
    const list = ['ls', '-R', '-X', '-C', 'main'];
    const [actual, expected] = [
      await ostree(`--repo=${repos.ours}`, ...list),
      await ostree(`--repo=${repos.theirs}`, ...list),
    ];
    expect(actual).toBe(expected);
  }
  expect(checksum).toBe(theirs);
  await ostree(`--repo=${repos.ours}`, 'fsck', '-q');
}

const KEPT = fileURLToPath(new URL('./generated-cases', import.meta.url));

function toText(value: Case): string {
  const hex = (_key: string, item: unknown) =>
    item instanceof Uint8Array ? { $hex: Buffer.from(item).toString('hex') } : item;
  return `${JSON.stringify(value, hex, 2)}\n`;
}

function fromText(text: string): Case {
  return JSON.parse(text, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && '$hex' in item && typeof item.$hex === 'string'
      ? Buffer.from(item.$hex, 'hex')
      : item,
  ) as Case;
}

const kept = (await readdir(KEPT)).sort();

describe('any trees, with any options', () => {
  it.each(kept)('are the commit of the command once more: %s', async (name) => {
    const { trees: generated, variants } = fromText(await readFile(join(KEPT, name), 'utf8'));
    const possible = variants.filter(({ mode }) => modes.includes(mode));
    await everyVariantIsTheCommands({ trees: generated, variants: possible });
  });

  it(`are the commit of the command: ${wanted}`, { timeout: 5 * MINUTE + wanted * 1000 }, async () => {
    console.log(`FC_SEED=${seed}`);
    let [checked, runs, hasFailed] = [0, 0, false];
    const property = fc.asyncProperty(cases, async (generated) => {
      // What is made smaller after a failure does not count.
      if (checked >= wanted && !hasFailed) return;
      try {
        await everyVariantIsTheCommands(generated);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
      checked += generated.trees.length;
      runs += generated.variants.length;
    });
    const result = await fc.check(property, { seed, numRuns: wanted });
    const [smallest] = result.counterexample ?? [];
    if (smallest) {
      await mkdir(KEPT, { recursive: true });
      await writeFile(join(KEPT, `seed-${seed}.json`), toText(smallest));
    }
    expect(result.failed, await fc.asyncDefaultReportMessage(result)).toBe(false);
    console.log(`${checked} trees in ${runs} commits, each the command's own`);
    expect(checked).toBeGreaterThanOrEqual(wanted);
  });
});

describe('any trees, laid over each other', () => {
  it('have the root that the command gives them', { timeout: 5 * MINUTE }, async () => {
    console.log(`FC_SEED=${seed}`);
    // Few names, so that they meet.
    const overlay = trees(
      fc.oneof(
        fc.constantFrom('a', 'b', 'dir', 'x y', '-f'),
        fc
          .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 2 })
          .filter((name) => !/[/\0\n]|^\.\.?$/.test(name)),
      ),
    );
    const property = fc.asyncProperty(
      fc.constantFrom(...modes),
      fc.array(overlay, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('none', 'base', 'ref'),
      wholeTreeOptions,
      fc.array(pathRule, { maxLength: 3 }),
      (...generated) => inDirectory((dir) => overlaysAreTheCommands(dir, ...generated)),
    );
    await fc.assert(property, { seed, numRuns: Number(process.env['FC_RUNS'] ?? 25) });
  });
});

async function overlaysAreTheCommands(
  dir: string,
  mode: RepoMode,
  generated: TreeDirectory[],
  use: string,
  options: WholeTreeOptions,
  rules: PathRule[],
): Promise<void> {
  const repos = { theirs: join(dir, 'theirs'), ours: join(dir, 'ours') };
  for (const path of Object.values(repos)) await ostree(`--repo=${path}`, 'init', `--mode=${mode}`);
  const cli = ['--branch=main', '--fsync=false'];
  const tree: TreeSource[] = [];
  for (const [i, spec] of generated.entries()) {
    await makeTree(join(dir, `tree-${i}`), spec);
    tree.push(join(dir, `tree-${i}`));
    cli.push(`--tree=dir=${join(dir, `tree-${i}`)}`);
  }
  let base: string | undefined;
  if (use !== 'none') {
    await makeTree(join(dir, 'before'), generated.at(-1) as TreeDirectory);
    await writeFile(join(dir, 'before', 'only before'), 'x');
    for (const path of Object.values(repos))
      await ostree(`--repo=${path}`, 'commit', '--branch=before', join(dir, 'before'));
    if (use === 'base') {
      base = 'before';
      cli.push('--base=before');
    } else {
      tree.push({ ref: 'before' });
      cli.push('--tree=ref=before');
    }
  }

  // The command uses a rule up where it first applies, so there are some only for one source.
  const paths = pathOptions(generated[0] as TreeDirectory, tree.length === 1 ? rules : []);
  const owner = options.canonicalPermissions ? undefined : options.owner;
  const { args, overrides, skips } = commandOptions({ ...options, owner }, paths);
  await writeFile(join(dir, 'overrides'), overrides);
  await writeFile(join(dir, 'skips'), skips);
  const lists = [`--statoverride=${join(dir, 'overrides')}`, `--skip-list=${join(dir, 'skips')}`];

  const theirs = await execa('ostree', [`--repo=${repos.theirs}`, 'commit', ...cli, ...args, ...lists], {
    reject: false,
  });
  await using repo = await Repo.open(repos.ours, { fsync: false });
  const ours = repo.commit({ tree, base, ...options, ...paths, owner });
  if (theirs.failed) {
    await expect(ours, theirs.stderr).rejects.toMatchObject({
      code: expect.stringMatching(/^(IS|NOT)_DIRECTORY$/) as string,
    });
    expect(theirs.stderr).toMatch(/Can't replace/);
    return;
  }
  const { rootContents, rootMetadata, checksum } = await ours;
  expect([rootContents, rootMetadata]).toEqual(await checksumsAt(repos.theirs, 'main', '/'));
  await repo.setRef('main', checksum);
  await ostree(`--repo=${repos.ours}`, 'fsck', '-q');
}
