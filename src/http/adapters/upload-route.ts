import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { adapterIn, type MoveOptions } from '../../routing/index.ts';
import { assertLoadable } from '../keys/assert-seen.ts';
import { holderOf, type KeyHolder } from '../keys/key-holder.ts';
import { parseBody } from '../door/parse-body.ts';
import { type AdapterRoutesContext, type Answered, answerChange, nameIn } from './adapter-change.ts';
import type { RolloutControl } from '../../service/index.ts';
import { adapterJson } from './adapter-json.ts';
import { publishAt } from './publish-files.ts';
import { rolloutJson } from './rollout-json.ts';
import type { Upload, UploadReader } from './upload-reader.ts';

/** What the route for uploads needs more. */
export interface UploadContext extends AdapterRoutesContext {
  readonly uploads: UploadReader;
  /** Decides whether what is uploaded comes into service by steps. */
  readonly rollouts?: RolloutControl | undefined;
}

/** The header of an upload that comes without a key. No web page can send it without asking first. */
const uploadHeader = 'x-espalier-upload';

export const uploadSchema = z.strictObject({
  name: z.string().min(1),
  publish: z.enum(['true', 'false']).default('true'),
  reason: z.string().min(1).max(500).optional(),
});

/** `POST /v1/adapters`: takes the files of an adapter in parts, verifies them, keeps them in the store and points the name to them. */
export function addUpload(app: FastifyInstance, context: UploadContext): void {
  postParts(app, '/v1/adapters', async (request, reply) => {
    const staging = context.control.staging();
    assertNoPage(request);
    await using upload = await context.uploads.read(request.raw, staging);
    // WHY awaited: the files must be there until the answer is known.
    return await take(context, upload, { request, reply });
  });
}

/** Adds a route for administration whose body comes in parts, which the handler reads from `request.raw`. */
export function postParts(app: FastifyInstance, url: string, handler: RouteHandlerMethod): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('multipart/form-data', async (_request: FastifyRequest, stream: Readable) => stream);
    scope.post(url, { config: { access: 'admin', body: 'parts', keepsToNames: true } }, handler);
  });
}

/**
 * A page of another origin can send parts without being asked, but none of these headers.
 * @throws EspalierError UPLOAD_HEADER_MISSING
 */
export function assertNoPage({ headers }: FastifyRequest): void {
  if (['authorization', 'x-api-key', uploadHeader].some((name) => headers[name] !== undefined)) return;
  throw new EspalierError('UPLOAD_HEADER_MISSING', { header: uploadHeader });
}

async function take(
  context: UploadContext,
  upload: Upload,
  sides: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<object> {
  const fields = parseBody(uploadSchema, Object.fromEntries(upload.fields));
  // WHY first: whether the name is served must make no difference.
  assertLoadable(sides.request, fields.name);
  const name = nameIn(context, fields);
  if (upload.files.length === 0) {
    throw new EspalierError('REQUEST_INVALID', { param: 'body', problem: 'the files of an adapter are expected' });
  }
  const content = [fields, upload.digest];
  return answerChange(context, { ...sides, name, content, reason: fields.reason }, (options) =>
    keep(
      context,
      {
        name,
        path: adapterIn(upload.folder, upload.files),
        isPublished: fields.publish === 'true',
        reader: holderOf(sides.request),
      },
      options,
    ),
  );
}

interface Kept {
  readonly name: string;
  readonly path: string;
  readonly isPublished: boolean;
  readonly reader: KeyHolder;
}

async function keep(
  context: UploadContext,
  { name, path, isPublished, reader }: Kept,
  options: MoveOptions,
): Promise<Answered> {
  const { control, rollouts } = context;
  const { version, outcome } = await publishAt(context, { name, path, isPublished }, options);
  const head = { object: 'adapter.version', name, version, published: outcome === 'served' };
  const answer = (more: object): Answered => ({ status: 201, body: { ...head, ...more }, version });
  if (outcome === 'rollout' && rollouts !== undefined) {
    return answer({ rollout: rolloutJson(rollouts.status(name), reader) });
  }
  if (outcome !== 'served') return answer({});
  return answer({ adapter: adapterJson(await control.describe(name), reader, context) });
}
