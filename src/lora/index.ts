export type { Adapter, FilePlace, ModuleWeights, SavedParameter } from './adapter.ts';
export { type Distribution, initAdapter, type InitOptions } from './init-adapter.ts';
export { assertPlain, type PlainOptions } from './inject/assert-plain.ts';
export type { InjectionReport } from './inject/graft.ts';
export { matchPattern } from './targets/module-pattern.ts';
export { injectLanes, type LaneAdapter, type LanesReport } from './inject/inject-lanes.ts';
export { injectLora, type InjectOptions, type LoraModule } from './inject/inject-lora.ts';
export { canInject, type GivenParameter, injectParameters } from './inject/inject-parameters.ts';
export { injectStackedLora, type StackedOptions } from './inject/inject-stacked-lora.ts';
export { byteBlock } from './inject/stacked-bytes.ts';
export { loraPass, parametersPass, stackedLoraPass } from './inject/passes.ts';
export { removeLora } from './inject/remove-lora.ts';
export { doraProblems, readDoraGains } from './kinds/dora-gains.ts';
export {
  doubledConfig,
  initFromWeights,
  type InitialPair,
  initialPair,
  minusInitial,
  type PlainAdapter,
  subtractInitial,
  type WeightInitOptions,
  type WeightStart,
} from './kinds/init-from-weights.ts';
export { type BaseWeight, readBaseWeights } from './kinds/read-base-weights.ts';
export { readSquaredNorms } from './kinds/squared-norms.ts';
export {
  assertConfig,
  type LoraConfig,
  type ModuleSettings,
  settingsOf,
  settingSteps,
  type TargetConfig,
} from './lora-config.ts';
export { loraShapes } from './lora-shapes.ts';
export { annotateModules, listModules, type PathOf } from './targets/list-modules.ts';
export { isExpertParameter, matchTargets, type TargetReport, targetSteps } from './targets/match-targets.ts';
export { PatternBudget } from './targets/pattern-budget.ts';
export { dropoutKeys, keysInput as dropoutKeysInput, ratioInput as dropoutRatioInput } from './inject/dropout.ts';
