import { chunkLoss, type ChunkLossOptions } from '../../autodiff/index.ts';
import type { Model } from '../../ir/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { TrainConfig } from '../config/train-config.ts';

/**
 * Bytes of logits that may be in memory at once. WHY not fewer: each chunk reads the whole head, and makes floats of a quantized one. The
 * smaller number is for trainings that spend time to save memory.
 */
const logitBytes = { plain: 32 * 2 ** 20, recompute: 8 * 2 ** 20 } as const;
const fewestRows = { plain: 128, recompute: 64 } as const;
/** Smaller vocabularies have logits that are no larger than what a layer computes. */
const largeVocabulary = 8192;

/** How many targets have their logits in memory at once, unless the settings say it: 0 for all of them. */
export function logitRowsOf(
  { vocabSize }: { readonly vocabSize: number },
  { recompute = false }: { readonly recompute?: boolean } = {},
): number {
  if (vocabSize < largeVocabulary) return 0;
  const way = recompute ? 'recompute' : 'plain';
  return Math.max(fewestRows[way], Math.floor(logitBytes[way] / (4 * vocabSize)));
}

/**
 * WHY all at once on a device: it has more memory than the logits of a batch take, and not every provider has the operator that goes
 * through the chunks, so that each would pass through the memory of the host. Products of bytes are the CPU's alone.
 */
export function fittingProvider(config: TrainConfig, { provider }: Pick<Environment, 'provider'>): TrainConfig {
  if (provider === 'cpu') return config;
  return { ...config, exactProducts: true, logitRows: config.logitRows ?? 0 };
}

/** @param rows  0: the logits of all targets are in memory at once */
export function takeLossInChunks(model: Model, options: ChunkLossOptions): void {
  if (options.rows > 0) chunkLoss(model, options);
}
