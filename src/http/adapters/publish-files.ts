import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, type Cause } from '../../core/index.ts';
import { receiveFiles, type AdapterControl, type FileContent, type MoveOptions } from '../../routing/index.ts';
import type { RolloutControl } from '../../service/index.ts';

export interface PublishingContext {
  readonly control: Pick<AdapterControl, 'staging' | 'keep' | 'move'>;
  /** Decides whether what has come comes into service by steps. */
  readonly rollouts?: Pick<RolloutControl, 'arrived'> | undefined;
}

/** What became of an adapter that came. */
export interface PublishedAdapter {
  /** The digest of its content. */
  readonly version: string;
  /** `served`: its name points to it. `rollout`: it comes into service by steps. `kept`: it lies in the store. */
  readonly outcome: 'served' | 'rollout' | 'kept';
}

export interface PublishOptions {
  /** Whether its name is pointed to it. Default: true. */
  readonly publish?: boolean;
  /** A text that the history and the events show. */
  readonly reason?: string;
  /** Most bytes of all files together. Default: any number. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** Verifies an adapter, keeps it in the store, and points its name to it if it shall. @throws EspalierError why it is refused */
export async function publishAt(
  { control, rollouts }: PublishingContext,
  { name, path, isPublished }: { readonly name: string; readonly path: string; readonly isPublished: boolean },
  options: MoveOptions,
): Promise<PublishedAdapter> {
  const { digest: version } = await control.keep(name, path, { cause: options.cause });
  if (!isPublished) return { version, outcome: 'kept' };
  if ((await rollouts?.arrived(name, version, options)) === 'keep') return { version, outcome: 'rollout' };
  await control.move(name, version, options);
  return { version, outcome: 'served' };
}

const caller: Cause = { actor: 'library' };

/**
 * The same for files that a program gives, whole or as streams. They go to the disk of the store as they come, and leave nothing else
 * behind.
 *
 * @param context  without `control` nothing is served that has adapters
 * @throws EspalierError ADAPTER_STORE_MISSING, the errors of `receiveFiles`, and why the adapter is refused. Nothing was changed then.
 */
export async function publishFiles(
  { control, rollouts }: { readonly [Part in keyof PublishingContext]?: PublishingContext[Part] | undefined },
  { name, files }: { readonly name: string; readonly files: Readonly<Record<string, FileContent>> },
  { publish: isPublished = true, reason, maxBytes, signal }: PublishOptions = {},
): Promise<PublishedAdapter> {
  signal?.throwIfAborted();
  if (control === undefined) throw new EspalierError('ADAPTER_STORE_MISSING', {});
  const folder = await mkdtemp(join(control.staging(), 'publish-'));
  try {
    const path = await receiveFiles(files, folder, { maxBytes, signal });
    return await publishAt({ control, rollouts }, { name, path, isPublished }, { cause: { ...caller, reason } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
