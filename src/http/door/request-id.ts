import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Letters that mean nothing in a log, in a header and in JSON. */
const wellFormed = /^[\w.:-]{1,128}$/;

/** The id of a request: that of its caller, who can then find it in the answer and in the logs of both sides, or a new one. */
export function requestIdOf({ headers }: { readonly headers: IncomingHttpHeaders }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && wellFormed.test(given) ? given : randomUUID();
}
