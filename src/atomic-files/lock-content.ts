import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat } from 'node:fs/promises';
import { isProcessMark, type ProcessMark } from './process-mark.ts';

/** The content of a lock file. */
export interface LockContent extends ProcessMark {
  /** Identifies this acquisition of the lock. */
  readonly token: string;
}

/** Creates a lock file with its content, atomically. @returns false if the file exists */
export async function createLock(path: string, content: LockContent): Promise<boolean> {
  const text = JSON.stringify(content);
  const whole = `${path}.${randomUUID()}.tmp`;
  try {
    await writeNew(whole, text);
    await link(whole, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    if (isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) return createInPlace(path, text);
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

/** For disks without hard links. A reader may see the file while it is still empty, and treats it like a lock of another host. */
async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeNew(path, text);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

/** Reads a lock file. @returns undefined if the file is missing or has no valid content */
export async function readLock(path: string): Promise<LockContent | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isContent(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isContent(found: unknown): found is LockContent {
  if (!isProcessMark(found) || !('token' in found)) return false;
  return typeof found.token === 'string' && /^[0-9a-f-]{36}$/.test(found.token);
}

/** The modification time of a lock file in milliseconds, by the clock of its disk; undefined if the file is missing. */
export async function lastTouch(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
