import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EspalierError } from '../core/index.ts';
import type { GoldenPrompt } from './self-test.ts';

const common = { answer: z.string().min(1).optional(), adapter: z.string().min(1).optional() };
const message = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });
const row = z.union([
  z.strictObject({ prompt: z.string().min(1), ...common }),
  z.strictObject({ messages: z.array(message).min(1), ...common }),
]);

/**
 * Reads golden prompts: one JSON object a line, with `prompt` or `messages`, `answer`? and `adapter`?.
 * @throws EspalierError FILE_NOT_FOUND, OPTION_INVALID with the line
 */
export async function readGoldenPrompts(path: string): Promise<readonly GoldenPrompt[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of golden prompts', path }, { cause });
  });
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [readRow(line, `${path}:${index + 1}`)]));
}

function readRow(line: string, at: string): GoldenPrompt {
  const read = row.safeParse(parsed(line));
  if (read.success) return read.data;
  const expected = `a line like {"prompt": "...", "answer": "..."} at ${at}`;
  throw new EspalierError('OPTION_INVALID', { name: 'golden', expected, actual: line.slice(0, 200) });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
