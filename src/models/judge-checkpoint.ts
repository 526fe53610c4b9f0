import { z } from 'zod';

import { EspalierError } from '../core/index.ts';
import { elementCount } from '../tensor/index.ts';
import { asClassifier, isClassifier } from './decoder/classifier.ts';
import type { DecoderConfig } from './decoder/decoder-config.ts';
import { decoderWeightShapes } from './decoder/decoder-weights.ts';
import type { DecoderFamily } from './decoder/families/decoder-family.ts';
import { wantedWeights } from './decoder/open-decoder.ts';
import { encoderFamilyOf } from './encoder/families.ts';
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
}

export interface Judgement {
  /** Everything for which the checkpoint would be refused. If it is empty, it can be used. */
  readonly problems: readonly EspalierError[];
  /** undefined if not even the family is known. */
  readonly family: string | undefined;
  readonly task: 'causal-lm' | 'classification' | 'embedding or classification' | undefined;
  /** The number of parameters that the configuration asks for; only of decoders. */
  readonly parameters: number | undefined;
}

const indexFile = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Judges whether a checkpoint can be opened, from its configuration and the names of its weights. It reads no files. */
export function judgeCheckpoint({ json, index, name }: CheckpointFacts): Judgement {
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
  if (config && isPlain && index !== undefined) kept(() => compareNames({ index, config, family, name }));
  return {
    problems,
    family: family.modelType,
    task: classifies ? 'classification' : 'causal-lm',
    parameters:
      config && [...decoderWeightShapes(config).values()].reduce((sum, shape) => sum + elementCount(shape), 0),
  };
}

interface NamedCheckpoint {
  readonly index: unknown;
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly name: string;
}

/** Compares the names of the index with those that the description asks for. Shapes and types are not in an index. */
function compareNames({ index, config, family, name }: NamedCheckpoint): void {
  const { weight_map: places } = parseWith(indexFile, index, `${name}/model.safetensors.index.json`);
  const wanted = wantedWeights(config, family);
  const tensors = new Map(
    Object.entries(places).map(([stored, location]): [string, WeightRef] => {
      const current = family.rename?.(stored) ?? stored;
      const shape = wanted.shapes.get(current) ?? wanted.shapes.get(wanted.prefix + current) ?? [];
      return [stored, { name: stored, location, offset: 0, length: 0, dtype: 'float32', shape }];
    }),
  );
  pickWeights(name, { form: 'checkpoint', tensors, locations: [...new Set(Object.values(places))] }, wanted);
}
