import type { FastifyRequest, FastifyServerOptions } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { routeLabel } from '../door/route-label.ts';
import type { RequestTraces } from '../traces/trace-requests.ts';

/** How much is logged: only failures, or each request. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface RequestLogOptions {
  readonly level: LogLevel;
  readonly traces?: Pick<RequestTraces, 'of' | 'ofLog'> | undefined;
  /** Where lines are written. Default: standard error. */
  readonly stream?: { write(line: string): void };
}

/**
 * The settings of pino for the log of requests: one line of JSON for what happened, with the ids of the trace where there is one. Lines
 * name the pattern of the route, and neither the URL, a header, the address of the caller, nor the text of an error, which may quote a
 * body.
 */
export function requestLog({ level, traces, stream }: RequestLogOptions): NonNullable<FastifyServerOptions['logger']> {
  return {
    level,
    stream: stream ?? process.stderr,
    base: null,
    // WHY besides the serializers: what a plugin logs of a request must not hold a key either.
    redact: {
      paths: ['headers', 'authorization', '*.headers', '*.authorization', '["x-api-key"]', '*["x-api-key"]'],
      censor: '[redacted]',
    },
    hooks: {
      // WHY: the text of a line about an error is that of the error, unless it is replaced.
      logMethod(words, method) {
        const [what] = words as readonly unknown[];
        const isError = what instanceof Error || (typeof what === 'object' && what !== null && 'err' in what);
        method.apply(this, isError ? [what, 'an error'] : words);
      },
    },
    mixin: (line, _level, log) => idsOf(traces && (isOfRequest(line) ? traces.of(line.req) : traces.ofLog(log))),
    serializers: {
      req: (request: FastifyRequest) => ({ method: request.method, route: routeLabel(request) }),
      res: ({ statusCode }) => ({ statusCode }),
      err: toldError,
    },
  };
}

/** Whether a line is the first one of a request. */
function isOfRequest(line: object): line is { readonly req: FastifyRequest } {
  return 'req' in line && typeof line.req === 'object' && line.req !== null && 'routeOptions' in line.req;
}

function idsOf(trace: ReturnType<RequestTraces['ofLog']>): Record<string, string> {
  return trace === undefined
    ? {}
    : { trace_id: trace.traceId, span_id: trace.spanId, trace_flags: trace.traceFlags.toString(16).padStart(2, '0') };
}

/** An error of ours by its code; of another one the place where it was thrown, which no client writes. */
function toldError(error: unknown): { type: string; message: string; stack: string } {
  if (EspalierError.isInstance(error)) return { type: error.code, message: '', stack: '' };
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' };
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { type: error.name, message: '', stack: places.slice(0, 8).join('\n') };
}
