import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat } from 'node:fs/promises';
import { isProcessMark, type ProcessMark } from './process-mark.ts';

/** What a lock's file says. */
export interface LockContent extends ProcessMark {
  /** Names this one taking of the lock. */
  readonly token: string;
}

/** Makes the file of a lock, whole in one step. @returns false when there is one already */
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

/** For disks without hard links. A reader may see the file before its content, and takes it for one that cannot be asked. */
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

/** undefined where no file lies, or one that says nothing readable. */
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

/** When a lock's file was touched last, in milliseconds as its disk counts; undefined where none lies. */
export async function lastTouch(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
