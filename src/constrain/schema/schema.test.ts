import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import type { Constraint } from '../constraint.ts';
import { Constraints } from '../constraints.ts';
import { drawAnswer } from '../testing/walk.ts';

const tokenizer = createTokenizer(byteLevelFiles());
const constraints = new Constraints();
const end = 2;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);

function constraintOf(schema: unknown): Promise<Constraint> {
  return constraints.of({ kind: 'json-schema', schema }, tokenizer);
}

/** Draws answers, and has ajv judge those that came to their end. */
async function judge(schema: object, { runs = 25, most = 400 } = {}): Promise<unknown[]> {
  const constraint = await constraintOf(schema);
  const validate = ajv.compile(schema);
  const values: unknown[] = [];
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const answer = drawAnswer(constraint, { seed, end, most, haste: 1 });
      if (!answer.isComplete) return;
      const text = tokenizer.decode(answer.tokens);
      const value: unknown = JSON.parse(text);
      values.push(value);
      if (!validate(value)) throw new Error(`${text}: ${ajv.errorsText(validate.errors)}`);
    }),
    { numRuns: runs },
  );
  return values;
}

const schemas: Record<string, object> = {
  user: {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 8 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
      email: { type: 'string', format: 'email' },
      tags: { type: 'array', items: { enum: ['a', 'b"', 'é', 3, null] }, minItems: 1, maxItems: 3 },
    },
    required: ['name', 'age', 'tags'],
    additionalProperties: false,
  },
  optional: {
    type: 'object',
    properties: { a: { type: 'boolean' }, b: { type: 'null' }, c: { const: { x: [1, 'y'] } }, d: { type: 'number' } },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 2,
  },
  tree: {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'integer', exclusiveMinimum: -3, exclusiveMaximum: 12 },
          left: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] },
          right: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] },
        },
        required: ['value', 'left', 'right'],
        additionalProperties: false,
      },
    },
  },
  dictionary: {
    type: 'object',
    properties: { id: { type: 'integer' } },
    required: ['id'],
    additionalProperties: { type: 'boolean' },
    maxProperties: 4,
  },
  merged: {
    allOf: [
      { type: 'object', properties: { a: { type: ['integer', 'string'] } }, required: ['a'] },
      { $ref: '#/$defs/more' },
    ],
    $defs: { more: { properties: { a: { type: 'number', maximum: 7 }, b: { type: 'boolean' } }, required: ['b'] } },
  },
  tuple: {
    type: 'array',
    prefixItems: [{ type: 'string', minLength: 2, maxLength: 3 }, { type: 'boolean' }],
    items: { type: 'null' },
    minItems: 1,
    maxItems: 4,
  },
  pattern: {
    type: 'object',
    properties: { code: { type: 'string', pattern: '^[A-Z]{2}-\\d+"?$' }, has: { type: 'string', pattern: '[ab]' } },
    required: ['code', 'has'],
  },
  formats: {
    type: 'object',
    properties: Object.fromEntries(
      ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri'].map((format) => [
        format,
        { type: 'string', format },
      ]),
    ),
    required: ['date', 'time', 'date-time', 'duration', 'uuid', 'ipv4', 'ipv6'],
    additionalProperties: false,
  },
  numbers: {
    type: 'array',
    items: {
      anyOf: [
        { type: 'number', minimum: -1.25, exclusiveMaximum: 3 },
        { type: 'integer', multipleOf: 7, minimum: -100, maximum: 1000 },
        { type: 'number', exclusiveMinimum: 0.1, maximum: 0.35 },
      ],
    },
    minItems: 3,
    maxItems: 6,
  },
  keys: { type: 'object', patternProperties: { '^x\\d$': { type: 'integer' } }, additionalProperties: false },
  records: {
    type: 'object',
    propertyNames: { enum: ['one', 'two'] },
    additionalProperties: { type: 'integer' },
    required: ['two'],
  },
  root: {
    $defs: {},
    type: 'object',
    properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
    required: ['next'],
  },
  nullable: { type: ['string', 'null'], maxLength: 3 },
  anything: {},
};

describe('an answer by a schema', () => {
  it.each(Object.entries(schemas))('is what ajv takes: %s', async (_, schema) => {
    expect((await judge(schema)).length).toBeGreaterThan(5);
  });
});
