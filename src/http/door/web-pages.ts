import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from './access.ts';

export interface WebPageOptions {
  /** Name or address that the server listens on. */
  readonly host?: string | undefined;
  /** Further names by which clients may call the server; `*` allows every name. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins whose pages may call the server, such as `https://chat.example.com`; `*` allows every origin. */
  readonly allowedOrigins?: readonly string[] | undefined;
}

/** The headers that say where a request comes from. */
export interface RequestSource {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/**
 * Decides by `Host` and `Origin` whether a request is accepted.
 * @returns the origin whose page may read the answer; undefined if no page asked, or if it may not read it
 */
export type WebPageCheck = (access: RequestAccess, source: RequestSource) => string | undefined;

/**
 * Prevents web pages from using a server that only their visitors can reach.
 *
 * `Origin` identifies a page of a foreign origin: browsers send it with every request that could change something. For a page whose own
 * name was made to point to this server (DNS rebinding), the browser sees the same origin. Only `Host` identifies it, because it
 * contains the page's name. An IP address in `Host` is never a rebound name. A name without a dot cannot be registered in the public
 * DNS, and containers use such names for each other. It is therefore allowed, but not for administration.
 *
 * @returns a check that throws EspalierError HOST_REFUSED or ORIGIN_REFUSED, but never for a public route, which reveals nothing
 */
export function createWebPageCheck(options: WebPageOptions): WebPageCheck {
  const isHostAllowed = createHostRule(options);
  const isOriginAllowed = createOriginRule(options);
  return (access, { host, origin }) => {
    const isAllowed = origin === undefined || isOriginAllowed(access, origin, host);
    if (access !== 'public') {
      const name = nameOf(host);
      if (name !== undefined && !isHostAllowed(access, name)) {
        throw new EspalierError('HOST_REFUSED', { host: clip(name), option: '--allowed-hosts' });
      }
      if (!isAllowed) throw new EspalierError('ORIGIN_REFUSED', { origin: clip(origin ?? '') });
    }
    return isAllowed ? origin : undefined;
  };
}

function createHostRule(options: WebPageOptions): (access: RequestAccess, name: string) => boolean {
  const { host = '127.0.0.1', allowedHosts = [] } = options;
  const names = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()));
  // WHY: clients on other machines use the name of this machine.
  if (!isLoopback(host)) names.add(hostname().toLowerCase());
  const takesAll = names.has('*');
  return (access, name) => {
    if (takesAll || names.has(name) || isIP(name) !== 0 || isLoopback(name)) return true;
    return access !== 'admin' && !name.includes('.');
  };
}

function createOriginRule({
  allowedOrigins = [],
}: WebPageOptions): (access: RequestAccess, origin: string, host: string | undefined) => boolean {
  const origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  const takesAll = origins.has('*');
  return (access, origin, host) => {
    if (takesAll || origins.has(origin.toLowerCase())) return true;
    if (!URL.canParse(origin)) return false;
    const page = new URL(origin);
    if (page.protocol !== 'http:' && page.protocol !== 'https:') return false;
    const isOwn = host !== undefined && URL.canParse(`${page.protocol}//${host}`);
    if (isOwn && new URL(`${page.protocol}//${host}`).host === page.host) return true;
    return access !== 'admin' && access !== 'read' && isLoopback(withoutBrackets(page.hostname));
  };
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The name in a `Host` header, without its port, its brackets and the dot of the DNS's root. */
function nameOf(host: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  const name = /^\[[^\]]*\]/.exec(host)?.[0] ?? host.replace(/:\d*$/, '');
  return withoutBrackets(name).toLowerCase().replace(/\.$/, '');
}

function withoutBrackets(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

function clip(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
