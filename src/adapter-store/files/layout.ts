import { join } from 'node:path';

/** The folders of a store. */
export interface Layout {
  readonly dir: string;
  /** Where anyone drops adapters. */
  readonly incoming: string;
  /** Verified versions, which never change. */
  readonly store: string;
  /** Links from names to versions. */
  readonly active: string;
  /** What was refused, with the reasons. */
  readonly quarantine: string;
  /** Versions that names have had. */
  readonly history: string;
  /** Signed lists with which versions came. */
  readonly signatures: string;
  /** Where versions are made before they are published. Nothing in it outlives a restart. */
  readonly staging: string;
  /** What is known of entries of `incoming` that could not be removed. */
  readonly seen: string;
  /** The output path whose lock says that a server uses the store. */
  readonly server: string;
}

export function layoutOf(dir: string): Layout {
  const folders = ['incoming', 'store', 'active', 'quarantine', 'history', 'signatures', 'staging'] as const;
  const paths = Object.fromEntries(folders.map((name) => [name, join(dir, name)])) as Record<
    (typeof folders)[number],
    string
  >;
  return { dir, ...paths, seen: join(dir, 'history', '.seen.json'), server: join(dir, 'server') };
}

/** The name of a file or folder for the name of an adapter, which may have slashes. */
export function flatName(name: string): string {
  return name.replaceAll('/', '%2F');
}

export function nameOfFlat(flat: string): string {
  return flat.replaceAll('%2F', '/');
}
