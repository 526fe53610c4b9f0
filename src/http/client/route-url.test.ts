import { expect, it } from 'vitest';
import { routeUrl } from './route-url.ts';

it.each([
  ['http://a:1', '/health', 'http://a:1/health'],
  ['http://a:1/', '/health', 'http://a:1/health'],
  ['https://a/models/one', '/v1/adapters?x=1', 'https://a/models/one/v1/adapters?x=1'],
  ['https://a/models/one//', '/v1/adapters', 'https://a/models/one/v1/adapters'],
])('keeps the path of a server in front of that of a route: %s %s', (server, path, expected) => {
  expect(routeUrl(server, path).href).toBe(expected);
});
