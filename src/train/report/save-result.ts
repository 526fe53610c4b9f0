import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { EspalierError, messageOf } from '../../core/index.ts';
import { StagedFolder } from '../../atomic-files/index.ts';

export interface SaveResultOptions {
  /** The folder for a result that cannot be written to its place. Default: the folder for temporary files. */
  readonly rescueFolder?: string | undefined;
}

/** Writes the parts of a result. */
export interface ResultParts {
  /** @param dir  does not exist yet; its parent does */
  readonly save: (dir: string) => Promise<void>;
  /** Adds the metrics to the folder that `save` has written. */
  readonly addMetrics: (dir: string, where: 'same-disk' | 'elsewhere') => Promise<void>;
}

/**
 * Publishes the result of a training. If it cannot be written to its place, it is written elsewhere, because the trained weights are
 * only in memory and must not be lost because of a full disk.
 *
 * @throws EspalierError OUTPUT_RESCUED with the path of the result; the error of the output if the other place fails too
 */
export async function saveResult(
  folder: StagedFolder,
  parts: ResultParts,
  { rescueFolder = tmpdir() }: SaveResultOptions = {},
): Promise<void> {
  const result = join(folder.staging, 'result');
  try {
    await parts.save(result);
    await parts.addMetrics(result, 'same-disk');
    await folder.publish(result);
  } catch (error) {
    const meant = await folder.explain(error);
    await rm(result, { recursive: true, force: true }).catch(() => undefined);
    throw await rescued(parts, { path: folder.path, rescueFolder, meant });
  }
}

async function rescued(
  { save, addMetrics }: ResultParts,
  { path, rescueFolder, meant }: { readonly path: string; readonly rescueFolder: string; readonly meant: unknown },
): Promise<unknown> {
  const rescue = join(rescueFolder, `${basename(path)}-${randomUUID().slice(0, 8)}`);
  try {
    await mkdir(rescueFolder, { recursive: true });
    await using other = await StagedFolder.begin(rescue);
    const result = join(other.staging, 'result');
    await save(result);
    await addMetrics(result, 'elsewhere');
    await other.publish(result);
  } catch {
    // WHY not this error: the user must make room at the place that the user named.
    return meant;
  }
  const reason = messageOf(meant);
  return new EspalierError('OUTPUT_RESCUED', { path, reason, rescue }, { cause: meant });
}
