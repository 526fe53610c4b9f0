import type { IncomingMessage } from 'node:http';
import { EspalierError } from '../../core/index.ts';
import type { BodyKind } from './access.ts';

const json = 'application/json';
const bytes = 'application/octet-stream';

/** The types of the bodies of each kind. */
const types: Readonly<Record<BodyKind, readonly string[]>> = {
  json: [json],
  tensors: [json, bytes],
  parts: ['multipart/form-data'],
};

/**
 * Refuses a body whose type the route does not read. WHY by the type and not by the content: a web page of another origin can send a
 * body without a preflight request, but not as JSON.
 *
 * @throws EspalierError CONTENT_TYPE_UNSUPPORTED
 */
export function checkContentType({ headers }: IncomingMessage, kind: BodyKind): void {
  const given = headers['content-type'];
  // WHY tensors may come without a type: clients of the Open Inference Protocol send bytes in this way.
  if (given === undefined && (kind === 'tensors' || (kind === 'json' && !hasBody(headers)))) return;
  const type = given?.split(';')[0]?.trim().toLowerCase();
  const expected = types[kind];
  if (type !== undefined && expected.includes(type)) return;
  const actual = (given ?? 'none').slice(0, 100);
  throw new EspalierError('CONTENT_TYPE_UNSUPPORTED', { expected: expected.join(' or '), actual });
}

export function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
