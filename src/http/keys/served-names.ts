import type { BaseContext, InferenceContext } from '../../service/index.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The names that the API of a route knows: those of the base and its adapters, or under `/v2` those of models and `model:adapter`. */
    servedNames(url: string): Iterable<string>;
    /** The name of the base; empty where none is served. */
    readonly servedBase: string;
  }
}

/** What is served. */
export interface Named {
  readonly generation?: BaseContext | undefined;
  readonly encoder?: BaseContext | undefined;
  readonly inference?: InferenceContext | undefined;
}

export function createServedNames({ generation, encoder, inference }: Named): (url: string) => Iterable<string> {
  const base = generation ?? encoder;
  return (url) => (url.startsWith('/v2') ? namesOfModels(inference) : namesOfBase(base));
}

function* namesOfBase(base: BaseContext | undefined): Iterable<string> {
  if (base === undefined) return;
  yield base.baseName;
  for (const { name } of base.adapters.list()) yield name;
}

function* namesOfModels(inference: InferenceContext | undefined): Iterable<string> {
  for (const [model, { adapters }] of inference?.models ?? []) {
    yield model;
    for (const { name } of adapters?.list() ?? []) yield `${model}:${name}`;
  }
}
