import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { operations } from '../operations.ts';
import type { Operation } from '../operation.ts';

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>();

/**
 * Throws unless an answer is what the document says of its route. Fields of which the document says nothing are refused too, though a
 * client must take them.
 * @param route  such as `GET /v1/models`; a route that the document has not is not looked at
 * @param body   the answer, as JSON
 */
export function checkAnswer(route: string, body: string): void {
  const operation: Operation | undefined = operations[route];
  if (operation === undefined) return;
  const { isSameAs, answer } = operation;
  if (isSameAs !== undefined) {
    checkAnswer(`${route.split(' ')[0] ?? ''} ${isSameAs}`, body);
    return;
  }
  if (answer === undefined) {
    if (untold.has(route)) return;
    throw new Error(`${route} answers with JSON of which the document says nothing`);
  }
  assertTold(route, answer, { value: JSON.parse(body), text: body });
}

/**
 * Throws unless an event of a stream is what the document says of those of its route.
 * @param event  with its line end, as it is sent; a comment is none
 */
export function checkEvent(route: string, event: string): void {
  const operation: Operation | undefined = operations[route];
  if (operation === undefined || event.startsWith(':')) return;
  const { events } = operation;
  if (events === undefined) throw new Error(`${route} answers with events of which the document says nothing`);
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1];
  const [name, data = ''] = [field('event'), field('data')];
  const value: unknown = data === '[DONE]' ? data : JSON.parse(data);
  assertTold(`${route} (events)`, events, { value, text: event });
  const type = z.object({ type: z.string() }).safeParse(value).data?.type;
  if (type !== undefined && type !== name) throw new Error(`an event of ${route} has the name ${name}: ${event}`);
}

interface Told {
  readonly value: unknown;
  readonly text: string;
}

function assertTold(what: string, schema: z.ZodType, { value, text }: Told): void {
  const validate = validators.get(what) ?? ajv.compile(z.toJSONSchema(schema, { unrepresentable: 'any' }));
  validators.set(what, validate);
  if (validate(value)) return;
  const problems = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath || '/'} ${message ?? ''} ${JSON.stringify(params)}`;
  });
  throw new Error(`the document says otherwise of ${what}: ${problems.join('; ')}; the answer: ${text.slice(0, 500)}`);
}

/** The document itself has a schema of its own, and what a file holds is whoever's who sent it. */
const untold: ReadonlySet<string> = new Set(['GET /openapi.json', 'GET /v1/files/:id/content']);
