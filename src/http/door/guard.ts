import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { answeredByHeaders } from '../answered-by.ts';
import { requireAccess } from './access.ts';
import { assertSeenAdapter } from '../keys/assert-seen.ts';
import { holderOf, type KeyHolder } from '../keys/key-holder.ts';
import { type ApiKeys, KeyRing } from '../keys/key-ring.ts';
import { isLook, opens } from '../keys/role.ts';
import { checkContentType } from './content-type.ts';
import { assertLocal } from './local-requests.ts';
import { routeHint } from './route-hint.ts';
import { createWebPageCheck, type WebPageOptions } from './web-pages.ts';

export interface GuardOptions extends ApiKeys, WebPageOptions {
  /** All keys. Default: `apiKey` and `adminKey`. */
  readonly keys?: KeyRing | undefined;
  isShuttingDown(): boolean;
  /** Whether it is going to end, so that connections should not be used again. Absent: never. */
  isLeaving?(): boolean;
  /** After it has aborted, requests to routes that need the base are refused with its reason. */
  readonly changed?: AbortSignal | undefined;
}

/** Accepts a request, or throws. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => void;

/**
 * Decides by its headers whether a request is accepted. The level of access is that of the route that the router found. The text of the
 * URL is never used, because it has many spellings.
 */
export function createGuard(options: GuardOptions): Guard {
  const { keys = new KeyRing(options) } = options;
  const checkWebPage = createWebPageCheck(options);
  return (request, reply) => {
    const access = (request.is404 ? undefined : request.routeOptions.config.access) ?? 'unknown';
    reply.header('x-request-id', request.id);
    // WHY: a proxy that keeps the connection would send the next request into its end.
    if (options.isLeaving?.() === true) reply.header('connection', 'close');
    const { method, headers } = request;
    const { host, origin } = headers;
    checkHost(request);
    answerOrigin(reply, checkWebPage(access, { host, origin }));
    if (isPreflight(request)) return;
    const holder = keys.check({ access, method, headers });
    request.keyHolder = holder;
    // With a key that was not made for such routes, or without one, only this machine may use them.
    if ((access === 'admin' || access === 'read') && !opens(holder.roles, { access, method }))
      assertLocal(request.raw, access);
    if (access === 'unknown') refuseRoute(request);
    if (access !== 'public' && options.isShuttingDown()) throw new EspalierError('SHUTTING_DOWN', {});
    if (request.routeOptions.config.needsBase === true) options.changed?.throwIfAborted();
    checkContentType(request.raw, request.routeOptions.config.body ?? 'json');
    if (access !== 'public') assertWithinKey(request);
    if (access === 'inference' && !isLook(method)) takeFromQuota(holder, reply);
  };
}

/** WHY before the body is read: a refusal must cost little. @throws EspalierError RATE_LIMITED */
function takeFromQuota({ quota }: KeyHolder, reply: FastifyReply): void {
  if (quota === undefined) return;
  try {
    quota.admit();
  } finally {
    reply.headers(quota.headers());
  }
}

/** @throws EspalierError ADAPTER_NOT_FOUND, KEY_FOR_SOME_NAMES */
function assertWithinKey(request: FastifyRequest): void {
  const { config, url = '' } = request.routeOptions;
  if (holderOf(request).scope.isAll || config.keepsToNames === true) return;
  if (!/^\/v1\/adapters\/:name(\/|$)/.test(url)) throw new EspalierError('KEY_FOR_SOME_NAMES', {});
  assertSeenAdapter(request, nameIn(request.params));
}

function nameIn(params: unknown): string {
  return typeof params === 'object' && params !== null && 'name' in params ? String(params.name) : '';
}

/** @throws EspalierError METHOD_NOT_ALLOWED if the path has a route, else ROUTE_NOT_FOUND */
function refuseRoute({ method, url, is404, routeOptions, server }: FastifyRequest): never {
  const path = url.slice(0, 200);
  const allow = is404 ? undefined : routeOptions.config.allow;
  if (allow !== undefined) throw new EspalierError('METHOD_NOT_ALLOWED', { method, path, allow });
  throw new EspalierError('ROUTE_NOT_FOUND', { method, path, hint: routeHint(url, server.routeTable) });
}

/**
 * WHY here: Node itself refuses such a request with an answer that has no body, if it is asked to.
 * @throws EspalierError REQUEST_INVALID
 * @see RFC 9112, 3.2
 */
function checkHost({ raw, headers }: FastifyRequest): void {
  if (headers.host !== undefined || raw.httpVersion !== '1.1') return;
  throw new EspalierError('REQUEST_INVALID', { param: 'Host', problem: 'a request of HTTP/1.1 needs this header' });
}

/** Guards every request of an application, before any body is read. */
export function addGuard(app: FastifyInstance, guard: Guard): void {
  requireAccess(app);
  app.decorateRequest('keyHolder', undefined);
  app.addHook('onRequest', async (request, reply) => {
    guard(request, reply);
    if (isPreflight(request)) return answerPreflight(request, reply);
    return undefined;
  });
}

/** Whether a request is a preflight: a browser sends it, without a key, before a request from a page of another origin. */
function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** Headers of an answer that a page may read, beside those that every page may. */
const exposed = [
  'x-request-id, x-should-retry, retry-after, retry-after-ms, inference-header-content-length, etag',
  ...['limit', 'remaining', 'reset'].flatMap((what) => ['requests', 'tokens'].map((of) => `x-ratelimit-${what}-${of}`)),
  ...Object.values(answeredByHeaders),
].join(', ');

function answerOrigin(reply: FastifyReply, origin: string | undefined): void {
  if (origin === undefined) return;
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposed,
    vary: 'origin',
  });
}

function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asked = headers['access-control-request-headers'] ?? 'authorization, content-type';
  const isPrivate = headers['access-control-request-private-network'] === 'true';
  return reply
    .headers({
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': asked,
      'access-control-max-age': '600',
      ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}),
    })
    .status(204)
    .send();
}
