import { nearest } from '../../core/index.ts';
import type { RouteEntry } from './access.ts';

/** Paths that clients send instead of the one that is here, without the `/v1` that belongs to the base URL. */
const others: Readonly<Record<string, string>> = {
  '/chat': '/v1/chat/completions',
};

/** " (did you mean POST /v1/completions?)", to append to a path that has no route; empty if no route is near. */
export function routeHint(url: string, table: readonly RouteEntry[]): string {
  const path = (url.split('?')[0] ?? '').replace(/\/+$/, '');
  // WHY: the base URL of clients ends with /v1, and is given without it, or twice.
  const rest = path.replace(/^(\/v1)+(?=\/)/, '');
  const urls = table.filter(({ method }) => method !== 'HEAD').map((route) => route.url);
  const meant = [`/v1${rest}`, others[rest]].find((one) => one !== undefined && urls.includes(one));
  const found = meant ?? nearest(path, urls);
  const route = table.find((one) => one.url === found);
  return route === undefined ? '' : ` (did you mean ${route.method} ${route.url}?)`;
}
