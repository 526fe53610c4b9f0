import { createHash, type Hash } from 'node:crypto';

/** A file of a repository, with its expected size and hash. */
export interface RepositoryFile {
  /** With slashes. The path was checked: joined to a folder, it stays inside that folder. */
  readonly path: string;
  readonly size: number;
  /** Large files have the SHA-256 of their bytes; small files have the SHA-1 of their git blob. */
  readonly digest: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string };
}

/** A model at one commit. */
export interface Repository {
  readonly name: string;
  readonly commit: string;
  readonly files: readonly RepositoryFile[];
}

/** Creates the hash of a file. Update it with the file's bytes in order, and compare its hexadecimal digest with `digest.hex`. */
export function createFileHash({ size, digest }: RepositoryFile): Hash {
  // git hashes a header before the bytes: "blob", the length in decimal, and a zero.
  return digest.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}
