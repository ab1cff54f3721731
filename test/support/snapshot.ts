// A directory as it is, to the last bit, for comparing two of them.
import { execa } from 'execa';

/** What one path is: mode, owner, extended attributes, content or target, and the time where it is a settled one. */
export type Snapshot = Record<string, string>;

const SCRIPT = `
import hashlib, json, os, stat, sys
top = os.fsencode(sys.argv[1])
result = {}
def describe(path):
    st = os.lstat(path)
    what = '%s %o %d:%d' % (stat.filemode(st.st_mode)[0], stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
    # What was made just now has the time of just now.
    if st.st_mtime < 1000000000: what += ' mtime=%d' % st.st_mtime_ns
    if not stat.S_ISDIR(st.st_mode): what += ' linked' if st.st_nlink > 1 else ' single'
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        what += ' %s=%s' % (name, os.getxattr(path, name, follow_symlinks=False).hex())
    if stat.S_ISLNK(st.st_mode): what += ' -> ' + os.readlink(path).decode('utf8', 'backslashreplace')
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as f: what += ' ' + hashlib.sha256(f.read()).hexdigest()
    if stat.S_ISCHR(st.st_mode): what += ' device %d' % st.st_rdev
    result[os.fsdecode(os.path.relpath(path, top))] = what
    if stat.S_ISDIR(st.st_mode):
        for name in sorted(os.listdir(path)): describe(os.path.join(path, name))
describe(top)
json.dump(result, sys.stdout)
`;

/** Everything below a directory, and the directory itself, by its relative path. */
export async function snapshot(dir: string): Promise<Snapshot> {
  const { stdout } = await execa('python3', ['-c', SCRIPT, dir]);
  return JSON.parse(stdout) as Snapshot;
}
