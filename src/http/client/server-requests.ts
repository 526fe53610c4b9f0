import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { fetchReason } from './fetch-reason.ts';
import { routeUrl } from './route-url.ts';

/** Where requests go. */
export interface ServerAddress {
  /** Where the server is, such as `http://127.0.0.1:8000`. */
  readonly server: string;
  /** Key for administration. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request to a server. */
export interface AskedOfServer {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `/v1` in front of it. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>> | FormData | undefined;
  /** The version that a name must have. */
  readonly expected?: string | undefined;
}

const refusal = z.object({ error: z.object({ message: z.string(), code: z.string() }) });

/**
 * Asks a server, and reads its answer.
 * @throws EspalierError SERVER_UNREACHABLE, SERVER_REFUSED; the signal's reason when it is aborted
 */
export async function askServer<Schema extends z.ZodType>(
  address: ServerAddress,
  schema: Schema,
  asked: AskedOfServer,
): Promise<z.output<Schema>> {
  const { server } = address;
  const answer = await send(address, asked);
  const json: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok) {
    const told = refusal.safeParse(json);
    const message = told.success ? told.data.error.message : 'It did not say why.';
    throw new EspalierError('SERVER_REFUSED', { server, message, code: told.data?.error.code ?? answer.status });
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const reason = 'its answer is not that of espalier serve';
  throw new EspalierError('SERVER_UNREACHABLE', { server, reason }, { cause: read.error });
}

async function send(
  { server, key, signal }: ServerAddress,
  { method, path, body, expected }: AskedOfServer,
): Promise<Response> {
  const headers = {
    ...(body instanceof FormData ? { 'x-espalier-upload': '1' } : {}),
    ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(expected === undefined ? {} : { 'if-match': `"${expected}"` }),
  };
  try {
    return await fetch(routeUrl(server, path), {
      method,
      headers,
      // WHY not followed: the key must not go to another server.
      redirect: 'error',
      ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new EspalierError('SERVER_UNREACHABLE', { server, reason: fetchReason(cause) }, { cause });
  }
}
