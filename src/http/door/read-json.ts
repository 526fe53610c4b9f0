import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BodyReader } from './body-reader.ts';
import { checkJsonBounds, requestBounds } from './json-bounds.ts';
import { parseJson } from './parse-json.ts';

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
  return parseJson(bytes, await checkJsonBounds(bytes, requestBounds));
}
