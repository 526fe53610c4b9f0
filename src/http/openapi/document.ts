import { z } from 'zod';
import type { Access, RouteEntry } from '../door/access.ts';
import type { Operation, Operations } from './operation.ts';

export interface DocumentOptions {
  /** The routes of this server. */
  readonly routes: readonly RouteEntry[];
  readonly operations: Operations;
  /** Of the package. */
  readonly version: string;
}

type Json = Readonly<Record<string, unknown>>;

const error: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: 'string' },
      },
    },
  },
};

const messagesError: Json = {
  type: 'object',
  required: ['type', 'error', 'request_id'],
  properties: {
    type: { const: 'error' },
    error: {
      type: 'object',
      required: ['type', 'message'],
      properties: { type: { type: 'string' }, message: { type: 'string' } },
    },
    request_id: { type: 'string' },
  },
};

const inferenceError: Json = {
  type: 'object',
  required: ['error'],
  properties: { error: { type: 'string' } },
};

/**
 * The OpenAPI document of a server: its own routes, with the schemas by which they read their bodies.
 * @see OpenAPI Specification 3.1
 */
export function openApiDocument({ routes, operations, version }: DocumentOptions): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const { method, url, access } of routes) {
    const operation = operations[`${method} ${url}`];
    if (operation === undefined || operation.isSameAs !== undefined) continue;
    const path = (paths[pathOf(url)] ??= {});
    path[method.toLowerCase()] = described(operation, { method, url, access });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Espalier',
      version,
      description: 'LoRA adapters and models, served live. Which routes are here depends on what is served.',
    },
    paths,
    components: {
      schemas: { Error: error, MessagesError: messagesError, InferenceError: inferenceError },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
  };
}

/** The path with its parameters in braces. */
export function pathOf(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}');
}

function described(operation: Operation, { method, url, access }: RouteEntry): Json {
  const { tag, summary, body, bodyType = 'application/json', example } = operation;
  const schema = body && z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  const content = schema && { [bodyType]: { schema: withoutDialect(schema), ...(example && { example }) } };
  const parameters = Array.from(url.matchAll(/:(\w+)/g), ([, name]) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } };
  });
  return {
    operationId: operationIdOf(method, url),
    tags: [tag],
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: method !== 'DELETE', content } }),
    ...securityOf(access),
    'x-espalier-access': access,
    responses: { '2XX': answerOf(operation), default: errorOf(url) },
  };
}

/** WHY: the dialect is that of the whole document. */
function withoutDialect({ $schema: _dialect, ...schema }: Json): Json {
  return schema;
}

function operationIdOf(method: string, url: string): string {
  const words = url.split(/\W+/).filter((word) => word !== '');
  return [method.toLowerCase(), ...words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join('');
}

/** A server without keys asks for none, so that no key is one of the choices. */
function securityOf(access: Access): Json {
  return { security: access === 'public' ? [] : [{ bearer: [] }, { key: [] }, {}] };
}

function answerOf({ events, eventsWith, answer, answerType = 'application/json' }: Operation): Json {
  const { description, ...content } = events ? eventsOf(events, eventsWith) : { description: 'The answer.' };
  return { description, content: { [answerType]: { schema: answer ? answerSchema(answer) : {} }, ...content } };
}

/**
 * WHY the schema of one event: OpenAPI 3.1 has no field for the parts of a stream, and OpenAI's own document says it so too. `itemSchema`
 * is that field in OpenAPI 3.2.
 */
function eventsOf(events: z.ZodType, eventsWith = '"stream": true') {
  const schema = answerSchema(events);
  return {
    description: `The answer, or server-sent events with ${eventsWith}. The schema of events is that of the data of each.`,
    'text/event-stream': { schema, 'x-espalier-each': 'event' },
  };
}

/** WHY as an input: an answer may get further fields, and clients that check it must not refuse it then. */
function answerSchema(answer: z.ZodType): Json {
  return withoutDialect(z.toJSONSchema(answer, { io: 'input', unrepresentable: 'any' }));
}

function errorOf(url: string): Json {
  const name = url.startsWith('/v2') ? 'InferenceError' : url.startsWith('/v1/messages') ? 'MessagesError' : 'Error';
  return {
    description: 'What is wrong, and what to do.',
    headers: {
      'x-request-id': { schema: { type: 'string' } },
      'x-should-retry': { schema: { enum: ['true', 'false'] } },
    },
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
  };
}
