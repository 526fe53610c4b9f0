import { createHash, type Hash } from 'node:crypto';

/** A file of a repository, and what its bytes must be. */
export interface RepositoryFile {
  /** With slashes; checked to stay inside whatever folder it is joined to. */
  readonly path: string;
  readonly size: number;
  /** Large files are known by the sha256 of their bytes, small ones by git's sha1 of them as a blob. */
  readonly digest: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string };
}

/** A model at one commit. */
export interface Repository {
  readonly name: string;
  readonly commit: string;
  readonly files: readonly RepositoryFile[];
}

/** A hash to feed a file's bytes to, in order; its hex digest is the file's `digest.hex` when they are right. */
export function createFileHash({ size, digest }: RepositoryFile): Hash {
  // git hashes a header before the bytes: "blob", the length in decimal, and a zero.
  return digest.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}
