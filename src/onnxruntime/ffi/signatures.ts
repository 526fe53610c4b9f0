import type { ApiName } from './api-slots.ts';

/**
 * The kind of an argument in C: `pointer` an address, `buffer` a typed array that the call reads or fills before it returns, `text` a
 * UTF-8 string, `path` ORTCHAR_T (UTF-16 on Windows), `size` size_t, `int` a C int or enum.
 */
export type ArgumentKind = 'pointer' | 'buffer' | 'text' | 'path' | 'size' | 'int';

/** The kind of a result in C. `status` is an OrtStatus*, which is checked and freed. */
export type ResultKind = 'status' | 'void' | 'int' | 'text' | 'pointer';

export interface Signature {
  readonly result: ResultKind;
  readonly arguments: readonly ArgumentKind[];
  /** The version of the API that first has the function, if it is newer than `neededApiVersion`. */
  readonly since?: number;
}

const status = <const Arguments extends readonly ArgumentKind[]>(...kinds: Arguments) =>
  ({ result: 'status', arguments: kinds }) as const;
/** A function that an older library may lack. Its call then throws ORT_VERSION_TOO_OLD. */
const statusSince = <const Arguments extends readonly ArgumentKind[]>(since: number, ...kinds: Arguments) =>
  ({ result: 'status', arguments: kinds, since }) as const;
const release = { result: 'void', arguments: ['pointer'] } as const;

/** The functions of OrtApi that Espalier calls. A `buffer` as the last argument receives the result. */
export const signatures = {
  GetErrorCode: { result: 'int', arguments: ['pointer'] },
  GetErrorMessage: { result: 'text', arguments: ['pointer'] },
  ReleaseStatus: release,

  CreateThreadingOptions: status('buffer'),
  SetGlobalIntraOpNumThreads: status('pointer', 'int'),
  SetGlobalInterOpNumThreads: status('pointer', 'int'),
  SetGlobalSpinControl: status('pointer', 'int'),
  SetGlobalDenormalAsZero: status('pointer'),
  ReleaseThreadingOptions: release,
  CreateEnvWithGlobalThreadPools: status('int', 'text', 'pointer', 'buffer'),
  ReleaseEnv: release,

  CreateSessionOptions: status('buffer'),
  DisablePerSessionThreads: status('pointer'),
  SetIntraOpNumThreads: status('pointer', 'int'),
  SetInterOpNumThreads: status('pointer', 'int'),
  SetSessionExecutionMode: status('pointer', 'int'),
  SetSessionGraphOptimizationLevel: status('pointer', 'int'),
  DisableMemPattern: status('pointer'),
  DisableCpuMemArena: status('pointer'),
  EnableProfiling: status('pointer', 'path'),
  AddSessionConfigEntry: status('pointer', 'text', 'text'),
  AddInitializer: status('pointer', 'text', 'pointer'),
  AddExternalInitializers: status('pointer', 'pointer', 'pointer', 'size'),
  SessionOptionsAppendExecutionProvider: status('pointer', 'text', 'pointer', 'pointer', 'size'),
  CreateCUDAProviderOptions: status('buffer'),
  UpdateCUDAProviderOptions: status('pointer', 'pointer', 'pointer', 'size'),
  SessionOptionsAppendExecutionProvider_CUDA_V2: status('pointer', 'pointer'),
  ReleaseCUDAProviderOptions: release,
  ReleaseSessionOptions: release,

  GetAvailableProviders: status('buffer', 'buffer'),
  ReleaseAvailableProviders: status('pointer', 'int'),
  GetEpDevices: statusSince(22, 'pointer', 'buffer', 'buffer'),
  EpDevice_EpName: { result: 'text', arguments: ['pointer'], since: 22 },
  EpDevice_Device: { result: 'pointer', arguments: ['pointer'], since: 22 },
  HardwareDevice_Type: { result: 'int', arguments: ['pointer'], since: 22 },
  HardwareDevice_Vendor: { result: 'text', arguments: ['pointer'], since: 22 },
  HardwareDevice_DeviceId: { result: 'int', arguments: ['pointer'], since: 22 },

  CreateSessionFromArray: status('pointer', 'pointer', 'size', 'pointer', 'pointer'),
  SessionGetInputCount: status('pointer', 'buffer'),
  SessionGetOutputCount: status('pointer', 'buffer'),
  SessionGetInputName: status('pointer', 'size', 'pointer', 'buffer'),
  SessionGetOutputName: status('pointer', 'size', 'pointer', 'buffer'),
  SessionGetInputTypeInfo: status('pointer', 'size', 'buffer'),
  SessionGetOutputTypeInfo: status('pointer', 'size', 'buffer'),
  SessionGetMemoryInfoForInputs: statusSince(23, 'pointer', 'buffer', 'size'),
  SessionGetMemoryInfoForOutputs: statusSince(23, 'pointer', 'buffer', 'size'),
  Session_GetEpGraphAssignmentInfo: statusSince(24, 'pointer', 'buffer', 'buffer'),
  EpAssignedSubgraph_GetEpName: statusSince(24, 'pointer', 'buffer'),
  EpAssignedSubgraph_GetNodes: statusSince(24, 'pointer', 'buffer', 'buffer'),
  EpAssignedNode_GetName: statusSince(24, 'pointer', 'buffer'),
  EpAssignedNode_GetOperatorType: statusSince(24, 'pointer', 'buffer'),
  SessionEndProfiling: status('pointer', 'pointer', 'buffer'),
  ReleaseSession: release,

  CastTypeInfoToTensorInfo: status('pointer', 'buffer'),
  GetTensorElementType: status('pointer', 'buffer'),
  GetDimensionsCount: status('pointer', 'buffer'),
  GetDimensions: status('pointer', 'buffer', 'size'),
  GetSymbolicDimensions: status('pointer', 'buffer', 'size'),
  ReleaseTypeInfo: release,
  ReleaseTensorTypeAndShapeInfo: release,

  GetAllocatorWithDefaultOptions: status('buffer'),
  AllocatorFree: status('pointer', 'pointer'),
  CreateCpuMemoryInfo: status('int', 'int', 'buffer'),
  MemoryInfoGetDeviceType: { result: 'void', arguments: ['pointer', 'buffer'] },
  CreateAllocator: status('pointer', 'pointer', 'buffer'),
  ReleaseAllocator: release,

  CreateTensorWithDataAsOrtValue: status('pointer', 'pointer', 'size', 'buffer', 'size', 'int', 'buffer'),
  CreateTensorAsOrtValue: status('pointer', 'buffer', 'size', 'int', 'buffer'),
  GetResizedStringTensorElementBuffer: status('pointer', 'size', 'size', 'buffer'),
  GetStringTensorDataLength: status('pointer', 'buffer'),
  GetStringTensorContent: status('pointer', 'buffer', 'size', 'buffer', 'size'),
  HasValue: status('pointer', 'buffer'),
  GetTensorTypeAndShape: status('pointer', 'buffer'),
  GetTensorMutableData: status('pointer', 'buffer'),
  CopyTensors: statusSince(23, 'pointer', 'pointer', 'pointer', 'pointer', 'size'),
  ReleaseValue: release,

  CreateIoBinding: status('pointer', 'buffer'),
  BindInput: status('pointer', 'text', 'pointer'),
  BindOutput: status('pointer', 'text', 'pointer'),
  BindOutputToDevice: status('pointer', 'text', 'pointer'),
  GetBoundOutputValues: status('pointer', 'pointer', 'buffer', 'buffer'),
  ClearBoundInputs: release,
  ClearBoundOutputs: release,
  ReleaseIoBinding: release,

  CreateRunOptions: status('buffer'),
  RunOptionsSetTerminate: status('pointer'),
  RunOptionsSetRunLogSeverityLevel: status('pointer', 'int'),
  ReleaseRunOptions: release,
  RunWithBinding: status('pointer', 'pointer', 'pointer'),
  Run: status('pointer', 'pointer', 'pointer', 'pointer', 'size', 'pointer', 'size', 'pointer'),

  // Called by tests only, which run files written by Espalier with ONNX Runtime's own adapters.
  CreateLoraAdapterFromArray: status('pointer', 'size', 'pointer', 'buffer'),
  RunOptionsAddActiveLoraAdapter: status('pointer', 'pointer'),
  ReleaseLoraAdapter: release,

  // Called by tests only, which ask how much memory runs have needed.
  AllocatorGetStats: statusSince(23, 'pointer', 'buffer'),
  GetKeyValue: { result: 'text', arguments: ['pointer', 'text'], since: 22 },
  ReleaseKeyValuePairs: release,
} as const satisfies Partial<Record<ApiName, Signature>>;

export type Signatures = typeof signatures;
export type UsedName = keyof Signatures;
