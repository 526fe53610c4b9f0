/**
 * The address of a route of a server. What the server's own address has in its path, as behind a proxy, stays in front.
 * @param path  such as `/health`
 */
export function routeUrl(server: string, path: string): URL {
  const { origin, pathname } = new URL(server);
  return new URL(`${origin}${pathname.replace(/\/+$/, '')}${path}`);
}
