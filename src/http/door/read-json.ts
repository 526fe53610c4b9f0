import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BodyReader } from './body-reader.ts';
import { noteWrittenNumbers } from '../../core/index.ts';
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
  const value = await parseJson(bytes, await checkJsonBounds(bytes, requestBounds));
  // WHY only these: chat templates write numbers as they came.
  if (typeof value === 'object' && value !== null && 'messages' in value) {
    await noteWrittenNumbers(new TextDecoder().decode(bytes), value);
  }
  return value;
}
