export type { AdapterWeights, ModuleWeights, SavedParameter } from './adapter.ts';
export { assertPlain, type PlainOptions } from './assert-plain.ts';
export { doraProblems, readDoraGains } from './dora-gains.ts';
export type { InjectionReport } from './graft.ts';
export {
  type AdapterDescription,
  adapterMetadataPrefix,
  describeAdapter,
  type DescribedModule,
  frozenKey,
  GraphRewriter,
  type InjectedAdapter,
  type RewriterState,
} from './graph-rewriter.ts';
export { type Distribution, initAdapter, type InitOptions } from './init-adapter.ts';
export {
  initFromWeights,
  type PlainAdapter,
  subtractInitial,
  type WeightInitOptions,
  type WeightStart,
} from './init-from-weights.ts';
export { injectLora, type InjectOptions, type LoraModule } from './inject-lora.ts';
export { canInject, type GivenParameter, injectParameters } from './inject-parameters.ts';
export { injectStackedLora, type StackedOptions } from './inject-stacked-lora.ts';
export { annotateModules, listModules, type PathOf } from './list-modules.ts';
export { type LoadAdapterOptions, loadPeftAdapter } from './load-peft-adapter.ts';
export { assertConfig, type LoraConfig, type ModuleSettings, settingsOf, type TargetConfig } from './lora-config.ts';
export { loraShapes } from './lora-shapes.ts';
export { matchTargets, type TargetReport } from './match-targets.ts';
export { formatParts, type ModulePart, readParts } from './module-parts.ts';
export { type ModuleSite, readSite, type SiteResult } from './module-sites.ts';
export { formatPeftConfig, parsePeftConfig, type PeftConfig } from './peft-config.ts';
export { type BaseWeight, readBaseWeights } from './read-base-weights.ts';
export { readPeftConfig, type ReadPeftConfig } from './read-peft-config.ts';
export { removeLora } from './remove-lora.ts';
export { type AdapterContent, type SaveAdapterOptions, savePeftAdapter } from './save-peft-adapter.ts';
export { savedParameters } from './saved-parameters.ts';
export { readSquaredNorms } from './squared-norms.ts';
