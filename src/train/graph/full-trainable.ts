import { mkdir } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { readFullWeights, saveFullModel } from './full-weights.ts';
import type { Trainable } from './trainable.ts';

/** Every weight of the base. Norms and biases do not decay: they are few, and they are scales and not directions. */
export function fullTrainable(base: BaseModel, { dtype }: Pick<TrainConfig, 'dtype'>): Trainable {
  if (base.file !== undefined) throw new EspalierError('MODEL_QUANTIZED', { name: base.file });
  return {
    lora: undefined,
    whole: new Set(),
    dropout: 0,
    matched: [],
    initialize: (arena) => readFullWeights(base, arena),
    trains: () => true,
    mustMove: () => true,
    decays: ({ shape }) => shape.length > 1,
    save: async (dir, arena) => {
      await mkdir(dir);
      await saveFullModel(dir, { base, arena, dtype });
    },
  };
}
