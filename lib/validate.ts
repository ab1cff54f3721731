// Names and checksums, checked as libostree does.
import { native } from './native.js';

/**
 * Checks of names and checksums, in memory and synchronous: each returns when the value is right. Otherwise it
 * throws a RangeError, or for what is no string a TypeError, with code `ERR_INVALID_ARG_VALUE` or
 * `ERR_INVALID_ARG_TYPE`. Nothing here may be longer than 4096 bytes.
 */
export const validate = Object.freeze({
  /** 64 lower-case hex digits (ostree_validate_structureof_checksum_string). */
  checksum(value: string): void {
    native().validateChecksum(value);
  },
  /** The name of a ref, such as `os/x86_64/stable` (ostree_validate_rev). */
  ref(value: string): void {
    native().validateRef(value);
  },
  /** A ref, or `remote:ref` (ostree_parse_refspec). */
  refspec(value: string): void {
    native().validateRefspec(value);
  },
  /** The name of a remote (ostree_validate_remote_name). */
  remoteName(value: string): void {
    native().validateRemoteName(value);
  },
  /** A collection id, such as `org.example.Os` (ostree_validate_collection_id). */
  collectionId(value: string): void {
    native().validateCollectionId(value);
  },
});
