import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import type { BodyReader } from './body-reader.ts';
import { checkJsonBounds, requestBounds } from './json-bounds.ts';

/** Makes JSON the only content type of an application. Its limits are checked before it is parsed. */
export function addJsonParser(app: FastifyInstance, bodies: BodyReader): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', async (request: FastifyRequest, stream: Readable) => {
    return readJson(await bodies.read(request, stream));
  });
}

/**
 * Parses a body.
 * @returns undefined if it is empty
 * @throws EspalierError REQUEST_INVALID if it is not JSON, or exceeds the limits
 */
export async function readJson(bytes: Uint8Array): Promise<unknown> {
  if (bytes.byteLength === 0) return undefined;
  await checkJsonBounds(bytes, requestBounds);
  return parse(bytes);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : '';
    throw new EspalierError('REQUEST_INVALID', { param: 'body', problem: `it is no JSON: ${reason}` }, { cause });
  }
}
