import type { FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';

/**
 * The error for a body beyond the limit of its route. WHY another one for prompts: a client that shortens its prompt when it hears
 * `context_length_exceeded` must hear it however much too long the prompt is.
 */
export function bodyTooLarge({ routeOptions: { bodyLimit: limit, config } }: FastifyRequest): EspalierError {
  const { contextTokens: tokens } = config;
  return tokens === undefined
    ? new EspalierError('BODY_TOO_LARGE', { limit })
    : new EspalierError('BODY_BEYOND_CONTEXT', { limit, tokens });
}
