import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** The folder of the page's files, in the package as in a checkout. */
const folder = new URL('../../../dashboard/', import.meta.url);

const script = 'text/javascript; charset=utf-8';

/** The files of the page. WHY a list: no text of a request becomes a path. */
const files = {
  'index.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'theme.js': script,
  'main.js': script,
  'api.js': script,
  'elements.js': script,
  'charts.js': script,
  'decide/format.js': script,
  'decide/filter.js': script,
  'decide/rates.js': script,
  'decide/token-diff.js': script,
  'decide/event-batch.js': script,
  'decide/event-lines.js': script,
  'decide/timeline-signature.js': script,
  'decide/window-of-rows.js': script,
  'decide/problem.js': script,
  'decide/curves.js': script,
  'views/adapters.js': script,
  'views/adapter-panel.js': script,
  'views/timeline.js': script,
  'views/rollouts.js': script,
  'views/live.js': script,
  'views/playground.js': script,
  'views/fleet.js': script,
  'views/jobs.js': script,
  'views/audit.js': script,
} as const satisfies Readonly<Record<string, string>>;

type FileName = keyof typeof files;

/**
 * Only files of this server, and requests to it; no frames around it, and no script or style within the page.
 * @see W3C, Content Security Policy Level 3
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // WHY asked for again each time: the files of another version of the server have the same names.
  'cache-control': 'no-cache',
} as const;

interface Served {
  readonly body: Buffer;
  readonly tag: string;
}

/**
 * `GET /dashboard`: the page for operators, and its files below it. WHY public: they are the same for everyone and hold nothing of the server.
 * What the page shows, it asks of the other routes, with the key that its user gives.
 */
export function addDashboard(app: FastifyInstance): void {
  const kept = new Map<FileName, Promise<Served>>();
  const read = (name: FileName): Promise<Served> => {
    const known = kept.get(name) ?? readServed(name);
    kept.set(name, known);
    return known;
  };
  const config = { access: 'public' } as const;
  const answer = async (name: FileName, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { body, tag } = await read(name);
    void reply.headers({ ...headers, etag: tag });
    if (request.headers['if-none-match'] === tag) return reply.status(304).send();
    return reply.type(files[name]).send(body);
  };
  app.get('/dashboard', { config }, (request, reply) => answer('index.html', request, reply));
  // WHY: the page's own links begin at the folder above.
  app.get('/dashboard/', { config }, (_request, reply) => reply.redirect('../dashboard', 308));
  // WHY a route for each: under any other path below, nothing is public.
  for (const name of dashboardFiles) {
    app.get(`/dashboard/${name}`, { config }, (request, reply) => answer(name, request, reply));
  }
}

/** The files below `/dashboard/`. */
export const dashboardFiles: readonly FileName[] = (Object.keys(files) as FileName[]).filter(
  (name) => name !== 'index.html',
);

async function readServed(name: FileName): Promise<Served> {
  const body = await readFile(new URL(name, folder));
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, tag };
}
