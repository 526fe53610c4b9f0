/** The golden cases that run here. The short form runs the smallest one. */
const all = ['llama', 'llama-d16', 'qwen2', 'qwen3', 'gemma3', 'gpt2'] as const;

export const isShort = process.env['WEBGPU_TESTS'] === 'short';

export const cases: readonly string[] = isShort ? all.slice(0, 1) : all;

/** Where the tests run: on WebGPU, with a device that outlives its sessions, so that its shaders are compiled once. */
export const onWebGpu = { threads: 1, provider: 'webgpu', providerOptions: { preserveDevice: '1' } } as const;
