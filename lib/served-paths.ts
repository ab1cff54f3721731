// What of a repository may be served over HTTP: an allow-list of the shapes of paths. Nothing else of it leaves, the
// config least of all, which may have the credentials of remotes in it.

export interface ServedPath {
  /** Relative to the repository, decoded. */
  path: string;
  kind: 'object' | 'delta' | 'mutable' | 'config';
  /** What never changes under this name is its own ETag. */
  tag?: string;
}

const REF = /^[\p{L}\p{N}_][-.\p{L}\p{N}_]*$/u;
const COLLECTION = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/;
const OBJECT =
  /^objects\/(?<start>[0-9a-f]{2})\/(?<rest>[0-9a-f]{62})\.(?<type>filez|dirtree|dirmeta|commit|commitmeta|tombstone-commit)$/;
const DELTA =
  /^deltas\/[A-Za-z0-9+_]{2}\/[A-Za-z0-9+_]{41}(?:-[A-Za-z0-9+_]{43})?\/(?:superblock|0|[1-9][0-9]{0,8})$/;
const DELTA_INDEX = /^delta-indexes\/[A-Za-z0-9+_]{2}\/[A-Za-z0-9+_]{41}\.index$/;

const MAX_PATH = 4096;

function isRef(segments: string[]): boolean {
  const [refs, kind, ...rest] = segments;
  if (refs !== 'refs') return false;
  if (kind === 'heads') return rest.length > 0 && rest.every((segment) => REF.test(segment));
  const [collection = '', ...names] = rest;
  return (
    kind === 'mirrors' &&
    COLLECTION.test(collection) &&
    names.length > 0 &&
    names.every((segment) => REF.test(segment))
  );
}

/** What a path, relative to the repository and decoded, is; null: nothing that is served. */
export function servedPath(path: string): ServedPath | null {
  if (path === 'config') return { path, kind: 'config' };
  const object = OBJECT.exec(path)?.groups;
  if (object) {
    const { start = '', rest = '', type = '' } = object;
    // Signatures are added to a commitmeta.
    if (type === 'commitmeta') return { path, kind: 'mutable' };
    return { path, kind: 'object', tag: `"${start}${rest}.${type}"` };
  }
  if (DELTA.test(path)) return { path, kind: 'delta' };
  if (path === 'summary' || path === 'summary.sig' || DELTA_INDEX.test(path) || isRef(path.split('/')))
    return { path, kind: 'mutable' };
  return null;
}

/**
 * The path that a request's URL asks for, which begins with a slash. Each segment is decoded once and must then be of an
 * allowed shape, so that an encoded slash, dot or NUL is as wrong as a plain one.
 */
export function requestedPath(url: string): ServedPath | null {
  const [path = ''] = url.split(/[?#]/, 1);
  if (!path.startsWith('/') || path.length > MAX_PATH) return null;
  const segments: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    try {
      segments.push(decodeURIComponent(segment));
    } catch {
      return null;
    }
  }
  if (segments.some((segment) => segment.includes('/'))) return null;
  return servedPath(segments.join('/'));
}
