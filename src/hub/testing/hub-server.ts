/** A hub with one model, on the loopback interface. It serves the part of the protocol that downloads use, and can be made to fail. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface HubServerOptions {
  readonly name: string;
  readonly commit: string;
  /** Commits of branches and tags, by name. */
  readonly refs?: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Files of at least this size are served by the storage server, through a redirection to another origin. */
  readonly largeBytes?: number;
  readonly token?: string;
  readonly gated?: boolean;
}

/** A received request, for assertions of tests. */
export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Which of the two servers received it. */
  readonly at: 'hub' | 'storage';
}

/** Called before each answer. It returns true if it has sent the answer itself. */
export type Interception = (request: SeenRequest, response: ServerResponse, bytes: Uint8Array | undefined) => boolean;

export class HubServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  intercept: Interception = () => false;
  /** Changes the listing, to simulate a broken or hostile hub. */
  changeListing: (entries: Record<string, unknown>[]) => unknown = (entries) => entries;
  options: HubServerOptions;
  readonly #hub: Server;
  readonly #storage: Server;

  static async start(options: HubServerOptions): Promise<HubServer> {
    const server = new HubServer(options);
    await Promise.all([listen(server.#hub), listen(server.#storage)]);
    return server;
  }

  private constructor(options: HubServerOptions) {
    this.options = options;
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#storage = createServer((request, response) => this.#answer('storage', request, response));
  }

  get endpoint(): string {
    return originOf(this.#hub);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([close(this.#hub), close(this.#storage)]);
  }

  /** The received requests for the content of files. */
  downloads(): SeenRequest[] {
    return this.requests.filter(({ path, at }) => at === 'storage' || path.includes('/resolve/'));
  }

  #answer(at: SeenRequest['at'], request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname);
    const { range, authorization } = request.headers;
    const seen: SeenRequest = { path, range, authorization, at };
    this.requests.push(seen);
    const bytes = this.#bytesOf(path, at);
    if (this.intercept(seen, response, bytes)) return;
    if (at === 'storage')
      return bytes === undefined ? refuse(response, 404, 'none') : sendBytes(response, bytes, range);
    const { gated, token, name } = this.options;
    if (gated === true && path.includes('/resolve/')) return refuse(response, 403, 'GatedRepo');
    if (gated === true && authorization === undefined) return refuse(response, 401, 'GatedRepo');
    if (token !== undefined && authorization !== `Bearer ${token}`) return refuse(response, 401, 'RepoNotFound');
    if (path.startsWith(`/api/models/${name}/`)) return this.#answerApi(path, response);
    if (path.startsWith(`/${name}/resolve/`)) return this.#answerFile(bytes, { path, range, response });
    return refuse(response, 404, 'RepoNotFound');
  }

  #answerApi(path: string, response: ServerResponse): void {
    const { name, commit, refs = { main: commit } } = this.options;
    const [, , , , , kind = '', ...rest] = path.split('/');
    const revision = rest.join('/');
    const found = revision === commit ? commit : refs[revision];
    if (found === undefined) return refuse(response, 404, 'RevisionNotFound');
    if (kind === 'revision')
      return sendJson(response, { _id: '1', id: name, sha: found, lastModified: '2026-01-01T00:00:00.000Z' });
    return sendJson(response, this.changeListing(this.#listing()));
  }

  #listing(): Record<string, unknown>[] {
    return Object.entries(this.options.files).map(([path, bytes]) => {
      const entry = { type: 'file', path, size: bytes.byteLength, oid: gitSha1(bytes) };
      if (!this.#isLarge(bytes)) return entry;
      return { ...entry, lfs: { oid: sha256(bytes), size: bytes.byteLength, pointerSize: 130 } };
    });
  }

  #answerFile(
    bytes: Uint8Array | undefined,
    { path, range, response }: { path: string; range: string | undefined; response: ServerResponse },
  ): void {
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound');
    response.setHeader('X-Repo-Commit', this.options.commit);
    if (!this.#isLarge(bytes)) {
      response.setHeader('ETag', `"${gitSha1(bytes)}"`);
      return sendBytes(response, bytes, range);
    }
    response.setHeader('X-Linked-Etag', `"${sha256(bytes)}"`);
    response.setHeader('X-Linked-Size', bytes.byteLength);
    response.writeHead(302, { Location: `${originOf(this.#storage)}${path}?signature=secret` }).end();
  }

  #bytesOf(path: string, at: SeenRequest['at']): Uint8Array | undefined {
    const { files, name, commit } = this.options;
    const start = `/${name}/resolve/${commit}/`;
    const bytes = path.startsWith(start) ? files[path.slice(start.length)] : undefined;
    return at === 'hub' || (bytes !== undefined && this.#isLarge(bytes)) ? bytes : undefined;
  }

  #isLarge(bytes: Uint8Array): boolean {
    return bytes.byteLength >= (this.options.largeBytes ?? 10_000);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The hash that `git hash-object` computes. */
export function gitSha1(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');
}

export function sendBytes(response: ServerResponse, bytes: Uint8Array, range: string | undefined): void {
  const { start: from = 0, last } = /^bytes=(?<start>\d+)-(?<last>\d*)$/.exec(range ?? '')?.groups ?? {};
  const start = Number(from);
  const end = last ? Math.min(Number(last) + 1, bytes.byteLength) : bytes.byteLength;
  if (range === undefined) return void response.writeHead(200, { 'Content-Length': bytes.byteLength }).end(bytes);
  if (start >= bytes.byteLength) return void response.writeHead(416).end();
  const contentRange = `bytes ${start}-${end - 1}/${bytes.byteLength}`;
  const headers = { 'Content-Length': end - start, 'Content-Range': contentRange };
  return void response.writeHead(206, headers).end(bytes.subarray(start, end));
}

/** Sends a part of the requested bytes and breaks the connection. */
export function sendPart(
  response: ServerResponse,
  bytes: Uint8Array,
  { range, count }: { range: string | undefined; count: number },
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const contentRange = `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}`;
  const headers = { 'Content-Length': bytes.byteLength - start, ...(start > 0 && { 'Content-Range': contentRange }) };
  response.writeHead(start > 0 ? 206 : 200, headers);
  response.write(bytes.subarray(start, start + count), () => response.destroy());
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'X-Error-Code': code, 'X-Error-Message': `refused: ${code}` }).end('{}');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function originOf(server: Server): string {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}
