import { defineConfig } from 'vitest/config';

// Of `npm run test:webgpu` alone: it needs a driver for WebGPU, which test/webgpu/run.mjs looks for.
export default defineConfig({
  test: {
    include: ['test/webgpu/*.webgpu.ts'],
    pool: 'forks',
    // WHY one process: what a device has compiled is kept in it, and compiling takes most of the time on a software driver.
    maxWorkers: 1,
    isolate: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    setupFiles: ['test/leave-nothing.ts'],
  },
});
