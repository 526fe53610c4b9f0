import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { FileRecord, JobControl } from '../../jobs/index.ts';
import type { UploadReader } from '../adapters/upload-reader.ts';
import { assertNoPage, postParts } from '../adapters/upload-route.ts';
import { pageOf } from '../door/list-page.ts';
import { parseBody } from '../door/parse-body.ts';
import { holderOf } from '../keys/key-holder.ts';
import { fileJson } from './job-json.ts';
import { filePageSchema } from './page.ts';

export interface FileRoutesContext {
  readonly jobs: JobControl;
  /** Reads one file at a time. */
  readonly fileUploads: UploadReader;
}

/** The name under which a file of rows lies in the staging folder. */
export const storedFileName = 'rows.jsonl';

interface OfFile {
  readonly Params: { readonly id: string };
}

/** The fields of `POST /v1/files`, beside the file. */
export const uploadFileSchema = z.strictObject({
  purpose: z.literal('fine-tune', {
    error: () => 'files are taken for "fine-tune" only',
  }),
});

/** `/v1/files`: rows for fine-tuning jobs. Every line is checked before a file is kept. */
export function addFiles(app: FastifyInstance, { jobs, fileUploads }: FileRoutesContext): void {
  addFileUpload(app, { jobs, fileUploads });
  const { files } = jobs;
  const read = { config: { access: 'read', keepsToNames: true } } as const;
  const admin = { config: { access: 'admin', keepsToNames: true } } as const;
  app.get('/v1/files', read, (request) => {
    const query = parseBody(filePageSchema, request.query);
    const { order, purpose } = query;
    const seen = files
      .list()
      .filter((file) => isOwn(request, file) && (purpose === undefined || file.purpose === purpose));
    return pageOf(order === 'asc' ? seen : seen.toReversed(), query, fileJson);
  });
  app.get<OfFile>('/v1/files/:id', read, (request) => fileJson(fileOf(jobs, request, request.params.id)));
  app.get<OfFile>('/v1/files/:id/content', read, (request, reply) => {
    const { id, bytes, purpose } = fileOf(jobs, request, request.params.id);
    const type = purpose === 'fine-tune' ? 'application/jsonl' : 'text/csv';
    return reply.type(type).header('content-length', bytes).send(files.open(id));
  });
  app.delete<OfFile>('/v1/files/:id', admin, async (request) => {
    const { id } = fileOf(jobs, request, request.params.id);
    await jobs.removeFile(id);
    return { id, object: 'file', deleted: true };
  });
}

function addFileUpload(app: FastifyInstance, { jobs, fileUploads }: FileRoutesContext): void {
  postParts(app, '/v1/files', async (request) => {
    assertNoPage(request);
    await using upload = await fileUploads.read(request.raw, jobs.staging);
    parseBody(uploadFileSchema, Object.fromEntries(upload.fields));
    const { folder, givenName: filename } = upload;
    if (filename === undefined) {
      throw new EspalierError('REQUEST_INVALID', { param: 'file', problem: 'a file of rows is expected' });
    }
    const owner = holderOf(request).name ?? null;
    // WHY awaited: the file must be there until it is kept.
    return fileJson(
      await jobs.files.put({ path: join(folder, storedFileName), filename, owner }).catch((error: unknown) => {
        throw EspalierError.isInstance(error) && error.code.startsWith('DATA_') ? error.about('file') : error;
      }),
    );
  });
}

/** A key for some names sees the files that it has sent. */
function isOwn(request: FastifyRequest, { owner }: FileRecord): boolean {
  const { scope, name } = holderOf(request);
  return scope.isAll || (name !== undefined && owner === name);
}

/** @throws EspalierError JOB_FILE_NOT_FOUND */
export function fileOf({ files }: JobControl, request: FastifyRequest, id: string): FileRecord {
  const file = files.find(id);
  if (file === undefined || !isOwn(request, file))
    throw new EspalierError('JOB_FILE_NOT_FOUND', { id: id.slice(0, 128) });
  return file;
}
