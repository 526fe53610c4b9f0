import { existsSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { send } from './client.ts';

/** The name that moves. */
export const moving = 'policy';

export interface Folders {
  /** The folder in which the versions were written, each in a folder of its name. */
  readonly made: string;
  /** The folder of the server's store. */
  readonly store: string;
}

/** Longest time until what was dropped is served. */
const dropLimitMs = 60_000;
let copies = 0;

/**
 * Points the name to a version that the server has.
 * @returns why it was refused
 */
export async function point(port: number, version: string): Promise<string | undefined> {
  const { status, text } = await send(port, { method: 'PUT', path: `/v1/adapters/${moving}`, body: { version } });
  return status === 200 ? undefined : `${status} ${text.slice(0, 300)}`;
}

export interface Drop extends Folders {
  /** The version's own name. */
  readonly from: string;
  /** The name under which it is to be served. */
  readonly name: string;
  /** undefined: any version. */
  readonly digest?: string | undefined;
}

/**
 * Drops a copy of a version's files into the store, and waits until it is served.
 * @returns why it is not
 */
export async function drop(port: number, { made, store, from, name, digest }: Drop): Promise<string | undefined> {
  const copy = join(made, `copy-${copies++}`);
  await cp(join(made, from), copy, { recursive: true });
  const entry = join(store, 'incoming', name);
  // The entry of an earlier drop is removed after its version is served.
  while (existsSync(entry)) await pause();
  await rename(copy, entry);
  for (const end = performance.now() + dropLimitMs; performance.now() < end;) {
    const { status, text } = await send(port, { method: 'GET', path: `/v1/adapters/${name}` });
    const { version } = JSON.parse(text) as { readonly version?: string | null };
    if (status === 200 && typeof version === 'string' && version === (digest ?? version)) return undefined;
    await pause();
  }
  return `${from} was dropped and is not served`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
