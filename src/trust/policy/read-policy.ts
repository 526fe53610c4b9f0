import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { parsePolicy } from './parse-policy.ts';
import type { Policy } from './policy.ts';

/** WHY: thousands of signers fit, and a file that was named by mistake is not read whole. */
const maxBytes = 2 ** 20;

/**
 * Reads the file of a policy, and the keys that it names, relative to its folder.
 * @param onKeyFile  is told of each file of a key before it is read
 * @throws EspalierError FILE_NOT_FOUND, POLICY_INVALID
 */
export async function readPolicy(path: string, onKeyFile?: (path: string) => void): Promise<Policy> {
  const text = await readSmall(path).catch((cause: unknown) => {
    if (EspalierError.isInstance(cause)) throw cause;
    throw new EspalierError('FILE_NOT_FOUND', { what: 'policy', path }, { cause });
  });
  return parsePolicy(text, path, (file) => {
    const place = resolve(dirname(path), file);
    onKeyFile?.(place);
    return readFile(place, 'utf8');
  });
}

async function readSmall(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > maxBytes) {
    throw new EspalierError('POLICY_INVALID', {
      path,
      problem: `it has ${size} bytes, and at most ${maxBytes} are read`,
    });
  }
  return readFile(path, 'utf8');
}
