"""The same work through libostree's own bindings for Python, the nearest neighbour: bindings.py NAME '{"repo": PATH, ...}'.

Prints what operation.ts prints. Synchronous calls, as a script would make them.
"""
import json
import re
import resource
import sys
import time

import gi

gi.require_version("OSTree", "1.0")
from gi.repository import Gio, GLib, OSTree  # noqa: E402


def memory():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) * 1024


def commit(repo, args):
    repo.prepare_transaction(None)
    tree = OSTree.MutableTree.new()
    repo.write_directory_to_mtree(Gio.File.new_for_path(args["tree"]), tree, None, None)
    root = repo.write_mtree(tree, None)[1]
    checksum = repo.write_commit_with_time(None, "", "", None, root, 0, None)[1]
    repo.transaction_set_ref(None, "bench", checksum)
    repo.commit_transaction(None)
    return {"rootContents": root.tree_get_contents_checksum(), "rootMetadata": root.tree_get_metadata_checksum()}


def checkout(repo, args):
    options = OSTree.RepoCheckoutAtOptions()
    options.mode = OSTree.RepoCheckoutMode.USER if args.get("userMode") else OSTree.RepoCheckoutMode.NONE
    options.no_copy_fallback = args.get("hardlinks", False)
    checksum = repo.resolve_rev(args.get("rev", "bench"), False)[1]
    repo.checkout_at(options, -100, args["destination"], checksum, None)  # AT_FDCWD
    return {}


def reads(repo, args):
    rev = args.get("rev", "bench")
    for _ in args["paths"]:
        checksum = repo.resolve_rev(rev, False)[1]
    size = 0
    for path in args["paths"]:
        root = repo.read_commit(rev, None)[1]
        size += len(root.resolve_relative_path(path.lstrip("/")).load_contents(None)[1])
    return {"bytes": size, "checksum": checksum}


def stream(repo, args):
    root = repo.read_commit(args.get("rev", "bench"), None)[1]
    source = root.resolve_relative_path(args["paths"][0].lstrip("/")).read(None)
    size = 0
    while chunk := source.read_bytes(65536, None).get_data():
        size += len(chunk)
    return {"bytes": size}


OPERATIONS = {"commit": commit, "checkout": checkout, "reads": reads, "stream": stream}

operation, given = OPERATIONS[sys.argv[1]], json.loads(sys.argv[2])
repository = OSTree.Repo.new(Gio.File.new_for_path(given["repo"]))
repository.open(None)
repository.set_disable_fsync(True)
idle = memory()
before = resource.getrusage(resource.RUSAGE_SELF)
started = time.monotonic()
result = operation(repository, given)
wall = time.monotonic() - started
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(
    json.dumps(
        {"wall": wall * 1000, "cpu": cpu * 1000, "memory": memory(), "idleMemory": idle, "result": result}
    )
)
