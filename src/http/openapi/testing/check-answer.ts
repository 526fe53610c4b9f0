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
  const validate = validators.get(route) ?? ajv.compile(z.toJSONSchema(answer, { unrepresentable: 'any' }));
  validators.set(route, validate);
  if (validate(JSON.parse(body))) return;
  const problems = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath || '/'} ${message ?? ''} ${JSON.stringify(params)}`;
  });
  throw new Error(`the document says otherwise of ${route}: ${problems.join('; ')}; the answer: ${body.slice(0, 500)}`);
}

/** The document itself has a schema of its own, and what a file holds is whoever's who sent it. */
const untold: ReadonlySet<string> = new Set(['GET /openapi.json', 'GET /v1/files/:id/content']);
