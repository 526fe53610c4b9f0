import { defineConfig } from 'vitest/config';

// Golden tests of the CPU that `--all` runs a second time, on the device: encoders and classifiers, and adapters of all kinds.
const golden = [
  'test/golden-{adapters,conv-adapter,encoders,experts}.ort.test.ts',
  'src/models/encoder/golden-encoders.ort.test.ts',
  'src/models/decoder/embedder.ort.test.ts',
];

// Of `npm run test:webgpu` alone: it needs a driver for WebGPU, which test/webgpu/run.mjs looks for.
export default defineConfig({
  test: {
    include: ['test/webgpu/*.webgpu.ts', ...(process.env['WEBGPU_TESTS'] === 'all' ? golden : [])],
    env: { ESPALIER_GOLDEN_PROVIDER: 'webgpu' },
    pool: 'forks',
    // WHY one process: what a device has compiled is kept in it, and compiling takes most of the time on a software driver.
    maxWorkers: 1,
    isolate: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    setupFiles: ['test/leave-nothing.ts'],
  },
});
