/** The SHA-256 of an object, as 64 lower-case hex digits. */
export type Checksum = string;

/** A revision: a ref, `remote:ref`, a checksum, a unique abbreviation of one, or `rev^` for a parent. */
export type Rev = string;
