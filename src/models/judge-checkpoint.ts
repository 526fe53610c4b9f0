import { z } from 'zod';

import { EspalierError } from '../core/index.ts';
import { elementCount } from '../tensor/index.ts';
import { asClassifier, isClassifier } from './decoder/classifier.ts';
import type { DecoderConfig } from './decoder/decoder-config.ts';
import { decoderWeightShapes } from './decoder/decoder-weights.ts';
import type { DecoderFamily } from './decoder/families/decoder-family.ts';
import { wantedWeights } from './decoder/open-decoder.ts';
import { encoderFamilyOf } from './encoder/families.ts';
import { poolingModesOf, poolingSteps } from './encoder/read-pooling.ts';
import { familyOf } from './open-base-model.ts';
import { parseWith } from './parse-with.ts';
import { readQuantization } from './quantized/quantization-config.ts';
import { pickWeights } from './select-weights.ts';
import type { WeightRef } from './weight-ref.ts';

/** What is known of a checkpoint before its weights are there. */
export interface CheckpointFacts {
  /** The parsed config.json, not trusted. */
  readonly json: unknown;
  /** The parsed index of the shards, not trusted; undefined if there is none. */
  readonly index: unknown;
  /** The name of the checkpoint, for messages. */
  readonly name: string;
  /** The parsed list of modules of sentence-transformers, not trusted; undefined if there is none. */
  readonly modules?: unknown;
  /** The parsed configurations of pooling, not trusted, by their paths. */
  readonly pooling?: ReadonlyMap<string, unknown>;
}

export interface Judgement {
  /** Everything for which the checkpoint would be refused. If it is empty, it can be used. */
  readonly problems: readonly EspalierError[];
  /** undefined if not even the family is known. */
  readonly family: string | undefined;
  readonly task: 'causal-lm' | 'classification' | 'embedding' | 'embedding or classification' | undefined;
  /** The number of parameters that the configuration asks for; only of decoders. */
  readonly parameters: number | undefined;
}

const indexFile = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Judges whether a checkpoint can be opened, from its configuration and the names of its weights. It reads no files. */
export function judgeCheckpoint({ json, index, name, modules, pooling = new Map() }: CheckpointFacts): Judgement {
  const problems: EspalierError[] = [];
  const kept = <T>(attempt: () => T): T | undefined => {
    try {
      return attempt();
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
      problems.push(error);
      return undefined;
    }
  };
  const path = `${name}/config.json`;
  const object = kept(() => parseWith(z.looseObject({}), json, path));
  if (object === undefined) return { problems, family: undefined, task: undefined, parameters: undefined };
  const quantization = kept(() => readQuantization(json, path));
  if (modules !== undefined) kept(() => checkPooling({ modules, pooling, name }));
  const encoder = encoderFamilyOf(json);
  if (encoder !== undefined) {
    kept(() => encoder.read(json, path));
    return { problems, family: encoder.modelTypes[0], task: 'embedding or classification', parameters: undefined };
  }
  const family = kept(() => familyOf(json, path));
  if (family === undefined) return { problems, family: undefined, task: undefined, parameters: undefined };
  const classifies = isClassifier(family, json);
  const config = kept(() => {
    const parsed = family.parse(json, path);
    return classifies ? asClassifier(parsed, json, path).config : parsed;
  });
  // The names in the files of a quantized checkpoint also depend on its scales.
  const isPlain = quantization === undefined && problems.length === 0;
  const embeds = modules !== undefined && !classifies;
  if (config && isPlain && index !== undefined) kept(() => compareNames({ index, config, family, name, embeds }));
  return {
    problems,
    family: family.modelType,
    task: classifies ? 'classification' : embeds ? 'embedding' : 'causal-lm',
    parameters: config && parametersOf(config, embeds),
  };
}

/** The number of parameters. A model that makes vectors of texts has no head of its own. */
export function parametersOf(config: DecoderConfig, embeds: boolean): number {
  const isUsed = ([name]: [string, unknown]): boolean => !embeds || !name.startsWith(`${config.head.path}.`);
  const shapes = [...decoderWeightShapes(config)].filter(isUsed);
  return shapes.reduce((sum, [, shape]) => sum + elementCount(shape), 0);
}

/** Whether the steps and modes of sentence-transformers are known. The weights of dense steps are not looked at. */
function checkPooling({
  modules,
  pooling = new Map(),
  name,
}: Pick<CheckpointFacts, 'modules' | 'pooling' | 'name'>): void {
  const steps = poolingSteps(modules, `${name}/modules.json`);
  const path = `${steps.pooling}/config.json`;
  const what = { what: 'configuration of the pooling', path: `${name}/${path}` };
  if (!pooling.has(path)) throw new EspalierError('FILE_NOT_FOUND', what);
  poolingModesOf(pooling.get(path), what.path);
}

interface NamedCheckpoint {
  readonly index: unknown;
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly name: string;
  /** Whether it makes vectors of texts, so that its files may lack a head. */
  readonly embeds: boolean;
}

/** Compares the names of the index with those that the description asks for. Shapes and types are not in an index. */
function compareNames({ index, config, family, name, embeds }: NamedCheckpoint): void {
  const { weight_map: places } = parseWith(indexFile, index, `${name}/model.safetensors.index.json`);
  const wanted = wantedWeights(config, family);
  const tensors = new Map(
    Object.entries(places).map(([stored, location]): [string, WeightRef] => {
      const current = family.rename?.(stored) ?? stored;
      const shape = wanted.shapes.get(current) ?? wanted.shapes.get(wanted.prefix + current) ?? [];
      return [stored, { name: stored, location, offset: 0, length: 0, dtype: 'float32', shape }];
    }),
  );
  const listed = { form: 'checkpoint', tensors, locations: [...new Set(Object.values(places))] } as const;
  const isHead = (weight: string): boolean => embeds && weight.startsWith(`${config.head.path}.`);
  pickWeights(name, listed, { ...wanted, mayLack: isHead });
}
