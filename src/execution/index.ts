export {
  type GraphSessionOptions,
  OpenGraph,
  openGraph,
  type OpenGraphOptions,
  openPreparedGraph,
  type OpenPreparedOptions,
} from './open-graph.ts';
export { type KnownKernels, knownKernels } from './kernels/known-kernels.ts';
export { fastestForm, type QuantizedForm } from './kernels/fastest-form.ts';
export { kernelPasses } from './kernels/kernel-passes.ts';
export { type KnownProviders, knownProviders } from './providers/known-providers.ts';
export {
  type AutoChoice,
  chooseAutomatically,
  type ProviderChoice,
  providerChoices,
} from './providers/provider-choice.ts';
export { weightBytesOf } from './providers/weight-bytes.ts';
export { openChosenEnvironment } from './providers/open-chosen-environment.ts';
export { prepareGraph, type PreparedGraph, type PrepareOptions } from './prepare-graph.ts';
