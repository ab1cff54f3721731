// What a receiver asks of whoever runs it.
import type { IncomingMessage } from 'node:http';

import type { Signer } from './sign.js';
import type { Checksum } from './types.js';

/** What somebody who publishes wants to do. */
export type ReceiverAction =
  /** Talk at all: asked of every request, before anything of its body is read. */
  | { action: 'connect' }
  /** Move a ref, make it (`from` is null), or with a prune delete it (`to` is null). */
  | { action: 'ref'; ref: string; collectionId: string | null; from: Checksum | null; to: Checksum | null }
  /** Bring detached metadata, such as signatures, of a commit that comes with this ref. */
  | { action: 'commitmeta'; commit: Checksum; ref: string; collectionId: string | null }
  /** Bring a static delta to a commit that comes with this ref. */
  | { action: 'delta'; from: Checksum | null; to: Checksum; ref: string; collectionId: string | null }
  /** Delete all other refs, and then what no ref needs. */
  | { action: 'prune' };

export interface RepoReceiverOptions {
  /** Whether this client may do that; anything but true is answered by 403. What it throws is answered by 500. */
  authorize: (req: IncomingMessage, action: ReceiverAction) => boolean | Promise<boolean>;
  /** false: the summary is somebody else's to make. It is made after each publish unless given. */
  summary?: boolean | undefined;
  /** Signs the summary, before it comes in place of the old one. */
  sign?: Signer | Signer[] | undefined;
  /** Bytes: the largest file to take, compressed and not. 4 GiB unless given. */
  maxObjectSize?: number | undefined;
  /** Bytes: the most that may be uploaded for one publish. 64 GiB unless given. */
  maxSize?: number | undefined;
  /** How many may publish at once; more are answered by 503, to be tried again. 16 unless given. */
  maxPublishers?: number | undefined;
  /** How many requests to serve at once, as in createRepoHandler(). 256 unless given. */
  maxConcurrent?: number | undefined;
}
