export { parseBinAdapter } from './formats/bin/bin-read.ts';
export { formatBinAdapter } from './formats/bin/bin-write.ts';
export { inspectAdapter, inspectContents, type InspectedAdapter } from './formats/inspect-adapter.ts';
export { baseChecks, type BaseChecks } from './formats/base-checks.ts';
export { checkBase } from './formats/check-base.ts';
export { adapterFolder } from './formats/explain-adapter.ts';
export { type AdapterFormat, detectFormat } from './formats/detect-format.ts';
export { attentionHeads, type AttentionHeads, readGgufAdapter } from './formats/gguf/gguf-adapter.ts';
export { formatOnnxAdapter, type OnnxAdapter, parseOnnxAdapter } from './formats/onnx/onnx-adapter-format.ts';
export { type OnnxNames, readOnnxAdapter, writeOnnxAdapter } from './formats/onnx/onnx-adapter.ts';
export { type NameMap, type ParameterNaming, readNameMap } from './formats/parameter-names.ts';
export { type LoadAdapterOptions, loadPeftAdapter } from './formats/peft/load-peft-adapter.ts';
export { formatPeftConfig, parsePeftConfig, type PeftConfig } from './formats/peft/peft-config.ts';
export { readPeftConfig, type ReadPeftConfig } from './formats/peft/read-peft-config.ts';
export { type AdapterContent, type SaveAdapterOptions, savePeftAdapter } from './formats/peft/save-peft-adapter.ts';
export { savedParameters } from './formats/peft/saved-parameters.ts';
export {
  type CompanionFiles,
  loadAdapter,
  loadContents,
  readAdapter,
  type ReadAdapter,
  type ReadOptions,
} from './formats/read-adapter.ts';
export type { StoredAdapter } from './formats/stored-adapter.ts';
export { writeAdapter, type WriteAdapterOptions, type WrittenFormat } from './formats/write-adapter.ts';
export { digestBytes } from './digest/digest-bytes.ts';
export { adapterDigest } from './identity.ts';
export { peftFiles } from './formats/peft/read-peft-config.ts';
export {
  type AdapterContents,
  type AdapterFile,
  type AdapterSource as AdapterFiles,
  type FolderFiles,
  lookAtSource,
  openAdapterSource,
  type OpenSourceOptions,
} from './source/adapter-source.ts';
export { releaseTensors } from './source/release-tensors.ts';
export { holdContents, type HeldContents, type HeldFile } from './source/held-contents.ts';
export type { FileClock } from './source/read-one-state.ts';
export { settlingTime, type SourceStamps } from './source/settling.ts';
export type { SourceOptions } from './source/read-stable.ts';
export { type AdapterReport, type ModuleReport, reportAdapter } from './tools/adapter-report.ts';
export { type AdapterDifference, compareAdapters, type ModuleDifference } from './tools/compare-adapters.ts';
export { mergeCheckpoint, type MergeOptions } from './tools/merge/merge-checkpoint.ts';
export type { MergeDtype } from './tools/merge/merge-dtype.ts';
export { createWeightUpdate, type MergedAdapter, type WeightUpdate } from './tools/merge/weight-update.ts';
