// Trees of files as fast-check makes them up, and options to commit them with.
import fc from 'fast-check';

import type { CommitOptions } from 'ostree';

import type { TreeDirectory, TreeNode } from './trees.js';

// Names as they are met, and any others that a file can have.
const anyName = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'dir',
    'x y',
    '.hidden',
    '-f',
    'usr',
    'Ä',
    '.wh.a',
    '%s\\',
    '\'"',
    'z'.repeat(255),
  ),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((name) => !/[/\0\p{Cs}]/u.test(name) && name !== '.' && name !== '..'),
);
// The engine writes the header of a file in as few bytes as can say how long it is: these lengths are around the step.
const aroundTheStep = fc.integer({ min: 200, max: 260 });
const xattrValue = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: aroundTheStep.map((length) => new Uint8Array(length).fill(length)) },
  { weight: 1, arbitrary: fc.constant(1100).map((length) => new Uint8Array(length).fill(7)) },
);
const common = {
  mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o6755, 0o2711, 0o1777, 0o600, 0o775, 0o444, 0o111, 0),
  uid: fc.constantFrom(0, 1, 1000, 2 ** 31),
  gid: fc.constantFrom(0, 5, 65_534),
  xattrs: fc.dictionary(fc.constantFrom('user.a', 'user.b', 'user.z', 'trusted.t'), xattrValue, {
    maxKeys: 3,
  }),
};
// What the engine reads at once, and up to where it reads a file into memory as a whole.
const CHUNK = 256 << 10;
const SMALL = 1 << 20;
const edges = [4096, 65_536, CHUNK, SMALL, SMALL + CHUNK, 2 * SMALL].flatMap((edge) => [
  edge - 1,
  edge,
  edge + 1,
]);
const sizes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(...edges) },
);

/** Trees whose names are of this kind. */
export function trees(name: fc.Arbitrary<string> = anyName): fc.Arbitrary<TreeDirectory> {
  const target = fc.oneof(
    { weight: 4, arbitrary: name },
    { weight: 1, arbitrary: fc.oneof(aroundTheStep, fc.constant(4000)).map((length) => 'l'.repeat(length)) },
  );
  return fc.letrec<{ node: TreeNode; directory: TreeDirectory }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({ type: fc.constant('file' as const), size: sizes, fill: fc.nat(255), ...common }),
      fc.record({ type: fc.constant('symlink' as const), target, uid: common.uid }),
      fc.record({ type: fc.constant('hardlink' as const), to: name }),
      tie('directory'),
    ),
    directory: fc.record({
      type: fc.constant('directory' as const),
      entries: fc.dictionary(name, tie('node'), { maxKeys: 6 }),
      ...common,
    }),
  })).directory;
}

/** Those that apply to the whole of a tree. */
export const wholeTreeOptions = fc.record({
  owner: fc.option(
    fc.record({ uid: fc.constantFrom(0, 7), gid: fc.constantFrom(0, 9) }, { requiredKeys: [] }),
    { nil: undefined },
  ),
  canonicalPermissions: fc.boolean(),
  modeRoExecutables: fc.boolean(),
  xattrs: fc.boolean(),
});
export type WholeTreeOptions = Pick<
  CommitOptions,
  'owner' | 'canonicalPermissions' | 'modeRoExecutables' | 'xattrs'
>;

/** One that applies to the path with this number. */
export const pathRule = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('skip', 'add', 'set'),
  bits: fc.nat(0o7777),
});
export interface PathRule {
  at: number;
  kind: string;
  bits: number;
}

/** The paths of a tree. */
function paths(tree: TreeDirectory, prefix: string): { path: string; type: TreeNode['type'] }[] {
  return Object.entries(tree.entries).flatMap(([name, node]) => [
    { path: `${prefix}/${name}`, type: node.type },
    ...(node.type === 'directory' ? paths(node, `${prefix}/${name}`) : []),
  ]);
}

export interface PathOptions {
  skip: string[];
  statOverride: Record<string, { add?: number; set?: number }>;
}

/**
 * The rules for paths of a tree that lies at `prefix`, as far as the command knows them: its lists have no paths with
 * line breaks, it cannot add to the mode of a directory, and it uses a rule up where it first applies, so that there
 * is none below what is skipped.
 */
export function pathOptions(tree: TreeDirectory, rules: readonly PathRule[], prefix = ''): PathOptions {
  const skip: string[] = [];
  const statOverride: PathOptions['statOverride'] = {};
  const candidates = paths(tree, prefix).filter(({ path }) => !path.includes('\n'));
  for (const { at, kind, bits } of rules) {
    const candidate = candidates[at % candidates.length];
    if (!candidate || skip.length > 0 || candidate.path in statOverride) continue;
    if (kind === 'skip') skip.push(candidate.path);
    else if (candidate.type !== 'symlink' && !(kind === 'add' && candidate.type === 'directory'))
      statOverride[candidate.path] = { [kind]: bits };
  }
  const isSkipped = (path: string) => skip.some((skipped) => path.startsWith(`${skipped}/`));
  for (const path of Object.keys(statOverride)) if (isSkipped(path)) delete statOverride[path];
  return { skip, statOverride };
}

/** The same for the command: arguments, and the files that they name, as they are called in `dir`. */
export function commandOptions(
  { owner, canonicalPermissions, modeRoExecutables, xattrs }: WholeTreeOptions,
  { skip, statOverride }: PathOptions,
): { args: string[]; overrides: string; skips: string } {
  const args: string[] = [];
  if (owner?.uid !== undefined) args.push(`--owner-uid=${owner.uid}`);
  if (owner?.gid !== undefined) args.push(`--owner-gid=${owner.gid}`);
  if (canonicalPermissions) args.push('--canonical-permissions');
  if (modeRoExecutables) args.push('--mode-ro-executables');
  if (xattrs === false) args.push('--no-xattrs');
  const overrides = Object.entries(statOverride).map(([path, { add, set }]) =>
    set === undefined ? `${add} ${path}\n` : `=${set} ${path}\n`,
  );
  return { args, overrides: overrides.join(''), skips: skip.map((path) => `${path}\n`).join('') };
}
