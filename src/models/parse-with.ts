import type { z } from 'zod';

import { EspalierError } from '../core/index.ts';

/** Parses `json` with a schema. @throws EspalierError MODEL_CONFIG_INVALID, which lists all problems */
export function parseWith<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}
