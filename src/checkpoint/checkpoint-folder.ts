import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { finalNameOf, sweepStaging } from '../atomic-files/index.ts';
import { indexName } from './checkpoint-index.ts';
import { OpenCheckpoint } from './open-checkpoint.ts';

/** One checkpoint of a folder, by its name alone. */
export interface NamedCheckpoint {
  /** Number of steps taken. */
  readonly step: number;
  readonly path: string;
}

/** A checkpoint that is not used, and why. */
export interface RefusedCheckpoint {
  readonly path: string;
  readonly error: EspalierError;
}

const pattern = /^step-(\d{1,15})$/;

/** The folder in which the checkpoints of an output are. */
export function checkpointsOf(output: string): string {
  return `${resolve(output)}.checkpoints`;
}

/** WHY padded: so that programs that sort names list them in their order. */
export function checkpointPath(folder: string, step: number): string {
  return join(folder, `step-${String(step).padStart(9, '0')}`);
}

/** The checkpoints of a folder from the newest to the oldest; none if there is no such folder. */
export async function listCheckpoints(folder: string): Promise<readonly NamedCheckpoint[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => {
      const step = pattern.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), path: join(folder, name) }];
    })
    .sort((a, b) => b.step - a.step);
}

/**
 * Opens the newest checkpoint of which every byte is right.
 * @returns undefined for it if there is none, and the newer ones that were refused
 * @throws the signal's reason
 */
export async function openNewest(
  folder: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly checkpoint: OpenCheckpoint | undefined; readonly refused: readonly RefusedCheckpoint[] }> {
  const refused: RefusedCheckpoint[] = [];
  for (const { path } of await listCheckpoints(folder)) {
    try {
      const checkpoint = await OpenCheckpoint.open(path);
      await checkpoint.verify({ signal });
      return { checkpoint, refused };
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
      refused.push({ path, error });
    }
  }
  return { checkpoint: undefined, refused };
}

/** Removes every checkpoint but those of the given steps, and what ended processes left of unfinished ones. */
export async function keepOnly(folder: string, steps: ReadonlySet<number>): Promise<void> {
  for (const { step, path } of await listCheckpoints(folder)) {
    if (!steps.has(step)) await rm(path, { recursive: true, force: true });
  }
  for (const name of await readdir(folder).catch(() => [])) {
    const staged = finalNameOf(name);
    if (staged !== undefined && pattern.test(staged)) await sweepStaging(join(folder, staged));
  }
}

/**
 * The checkpoint folders that a path means: a checkpoint itself, or all of a folder, of the newest first. The path of a training's
 * output means those beside it.
 *
 * @throws EspalierError CHECKPOINT_NOT_FOUND
 */
export async function resolveCheckpoints(path: string): Promise<readonly string[]> {
  if (await isThere(join(path, indexName))) return [path];
  if (pattern.test(path.split(/[/\\]/).findLast((part) => part !== '') ?? '') && (await isThere(path))) return [path];
  for (const folder of [path, checkpointsOf(path)]) {
    const found = await listCheckpoints(folder);
    if (found.length > 0) return found.map((each) => each.path);
  }
  throw new EspalierError('CHECKPOINT_NOT_FOUND', { path, expected: `${indexName}, or folders named step-<n>` });
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
