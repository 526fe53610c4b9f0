import { open } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';

export interface SmallFile {
  /** What it is, in errors. */
  readonly what: string;
  readonly maxBytes: number;
  /** The error for what is no file, or for a file that is too long. */
  readonly refusal: (isFile: boolean) => EspalierError;
}

/**
 * Reads a file that an option names, if it is one and not too long.
 * @returns its content, and its mode
 * @throws EspalierError FILE_NOT_FOUND, and the refusal
 */
export async function readSmallFile(
  path: string,
  { what, maxBytes, refusal }: SmallFile,
): Promise<{ readonly content: Buffer; readonly mode: number }> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what, path }, { cause });
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.size > maxBytes) throw refusal(facts.isFile());
    return { content: await file.readFile(), mode: facts.mode };
  } finally {
    await file.close();
  }
}
