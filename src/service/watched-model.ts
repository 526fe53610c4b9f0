import type { ServedModel } from './inference-context.ts';

/** Wraps a model. After the signal has aborted, it is not ready, refuses new requests and ends running ones with the signal's reason. */
export function watchedModel(model: ServedModel, changed: AbortSignal): ServedModel {
  return {
    name: model.name,
    signature: model.signature,
    get batching() {
      return model.batching;
    },
    get isReady() {
      return model.isReady && !changed.aborted;
    },
    async infer(request) {
      changed.throwIfAborted();
      const signal = request.signal === undefined ? changed : AbortSignal.any([request.signal, changed]);
      return model.infer({ ...request, signal });
    },
    stats: () => model.stats(),
  };
}
