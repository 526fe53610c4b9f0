export { assertPlain, type PlainOptions } from './assert-plain.ts';
export type { InjectionReport } from './graft.ts';
export {
  adapterMetadataPrefix,
  describeAdapter,
  frozenKey,
  GraphRewriter,
  type AdapterDescription,
  type DescribedModule,
  type InjectedAdapter,
  type RewriterState,
} from './graph-rewriter.ts';
export { doraProblems, readDoraGains } from './dora-gains.ts';
export { initAdapter, type Distribution, type InitOptions, type ModuleWeights } from './init-adapter.ts';
export {
  initFromWeights,
  subtractInitial,
  type PlainAdapter,
  type WeightInitOptions,
  type WeightStart,
} from './init-from-weights.ts';
export { injectLora, type InjectOptions, type LoraModule } from './inject-lora.ts';
export { canInject, injectParameters, type GivenParameter } from './inject-parameters.ts';
export { injectStackedLora, type StackedOptions } from './inject-stacked-lora.ts';
export { annotateModules, listModules, type PathOf } from './list-modules.ts';
export { loadPeftAdapter, type AdapterWeights, type LoadAdapterOptions } from './load-peft-adapter.ts';
export { assertConfig, settingsOf, type LoraConfig, type ModuleSettings, type TargetConfig } from './lora-config.ts';
export { matchTargets, type TargetReport } from './match-targets.ts';
export { formatParts, readParts, type ModulePart } from './module-parts.ts';
export { readSite, type ModuleSite, type SiteResult } from './module-sites.ts';
export { formatPeftConfig, parsePeftConfig, type PeftConfig } from './peft-config.ts';
export { readPeftConfig, type ReadPeftConfig } from './read-peft-config.ts';
export { loraShapes } from './lora-shapes.ts';
export { readBaseWeights, type BaseWeight } from './read-base-weights.ts';
export { readSquaredNorms } from './squared-norms.ts';
export { removeLora } from './remove-lora.ts';
export { savedParameters, type SavedParameter } from './saved-parameters.ts';
export { savePeftAdapter, type AdapterContent, type SaveAdapterOptions } from './save-peft-adapter.ts';
