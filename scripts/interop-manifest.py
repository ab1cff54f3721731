"""Prints what there is in a directory, one entry a line, sorted by path: type, mode, owner, extended attributes, and content.

    interop-manifest.py DIRECTORY [canonical]

canonical: as bare-user-only repositories keep it, without owner and extended attributes, and with only the bits 0755 of the mode;
its owner may read every file.
"""
import hashlib
import os
import stat
import sys

root = os.fsencode(sys.argv[1])
canonical = 'canonical' in sys.argv[2:]


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as file:
            return f'{st.st_size} {hashlib.sha256(file.read()).hexdigest()}'.encode()
    return b''


def attributes(path):
    return sorted((os.fsencode(name), os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False))


def line(path):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    mode = 0 if stat.S_ISLNK(st.st_mode) else stat.S_IMODE(st.st_mode)
    if canonical:
        metadata = f'{(mode & 0o755) | 0o400:o}'
    else:
        metadata = f'{mode:o} {st.st_uid}:{st.st_gid} {attributes(path)}'
    return f'{os.path.relpath(path, root)!r} {kind:o} {metadata} {content(path, st)!r}'


paths = [root]
for directory, directories, files in os.walk(root):
    paths += [os.path.join(directory, name) for name in directories + files]
for path in sorted(paths):
    print(line(path))
