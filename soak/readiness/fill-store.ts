import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { tinyBase } from '../root.ts';
import { Variants } from '../speed/variants.ts';
import { closeConnections, send } from '../storm/client.ts';
import { serveHere } from '../storm/served-here.ts';

export interface Filling {
  /** A folder on the same disk, for files on their way. */
  readonly folder: string;
  readonly store: string;
  readonly count: number;
}

const limitMs = 600_000;

/** Serves so many adapters from a store that it makes, until all are verified. */
export async function fillStore({ folder, store, count }: Filling): Promise<void> {
  await using server = await serveHere({ store });
  const made = join(folder, 'made');
  await mkdir(made);
  const variants = await Variants.open(made, { base: tinyBase, rank: 2 });
  for (let i = 0; i < count; i++) await rename(await variants.write(), join(store, 'incoming', `n${i}`));
  for (const end = performance.now() + limitMs; performance.now() < end;) {
    const { text } = await send(server.port, { method: 'GET', path: '/v1/adapters' });
    const { data } = JSON.parse(text) as { readonly data: readonly { readonly version: string | null }[] };
    if (data.filter(({ version }) => version !== null).length >= count) {
      closeConnections();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${count} adapters were dropped into ${store} and are not served`);
}
