import type { ServerResponse } from 'node:http';
import type { AnswerEnd } from '../../telemetry/index.ts';

/**
 * Tells once how an answer ended. WHY not by Fastify's hook `onResponse`: it tells nothing of an answer whose connection ended before the
 * answer did, as it does when a caller leaves.
 */
export function onAnswerEnd(response: ServerResponse, tell: (end: AnswerEnd) => void): void {
  let isTold = false;
  const tellOnce = (isWhole: boolean): void => {
    if (isTold) return;
    isTold = true;
    tell({ status: response.headersSent ? response.statusCode : undefined, isWhole });
  };
  response.once('finish', () => tellOnce(true)).once('close', () => tellOnce(false));
}
