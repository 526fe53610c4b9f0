import { z } from 'zod';

/** The query of a list. */
export const pageSchema = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().max(128).optional(),
});

/** The same for files, of which OpenAI lists more at once. */
export const filePageSchema = z.looseObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  after: z.string().max(128).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: z.string().max(64).optional(),
});
