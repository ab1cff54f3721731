// The contract of ostree.node: one line per native method, each naming the libostree function behind it. Internal: users see lib/.
export {};
