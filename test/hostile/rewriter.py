"""Rewrites the files of a directory, in every way a file can change under a reader, until its standard input ends.

    rewriter.py DIRECTORY

Prints a line when the files are there, a number after every 100 rewrites, and their number at the end.
"""
import mmap
import os
import random
import select
import sys

SMALL, LARGE = 5_000, 1_500_000  # those above 1 MiB are read twice
directory = sys.argv[1]
names = [f'small-{i}' for i in range(12)] + [f'large-{i}' for i in range(4)]


def size_of(name):
    return SMALL if name.startswith('small') else LARGE


def path_of(name):
    return os.path.join(directory, name)


def same_size(name):
    with open(path_of(name), 'r+b') as file:
        file.seek(random.randrange(max(1, os.fstat(file.fileno()).st_size - 4_000)))
        file.write(os.urandom(1_000))


def mapped(name):
    with open(path_of(name), 'r+b') as file:
        with mmap.mmap(file.fileno(), 0) as memory:
            for _ in range(20):
                memory[random.randrange(len(memory))] = random.randrange(256)


def truncated(name):
    os.truncate(path_of(name), random.randint(size_of(name) // 2, size_of(name)))


def appended(name):
    with open(path_of(name), 'ab') as file:
        file.write(os.urandom(random.randint(1, 5_000)))


def replaced(name):
    # Beside the directory: it is the files that change, not their names.
    fresh = directory + '.new'
    with open(fresh, 'wb') as file:
        file.write(os.urandom(size_of(name)))
    os.rename(fresh, path_of(name))


def removed(name):
    kept = directory + '.kept'
    os.rename(path_of(name), kept)
    os.rename(kept, path_of(name))


for name in names:
    replaced(name)
print('ready', flush=True)

count = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    random.choice([same_size, mapped, truncated, appended, replaced, removed])(random.choice(names))
    count += 1
    if count % 100 == 0:
        print(count, flush=True)
print(count, flush=True)
