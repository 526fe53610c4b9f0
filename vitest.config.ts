import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { isThorough } from './src/core/testing/cross-section.ts';

// WHY here: libuv reads it when its thread pool starts, before any code of a test; the forks inherit it.
process.env['UV_THREADPOOL_SIZE'] ??= '8';

const tests = ['src/**/*.test.ts', 'demo/src/**/*.test.ts', 'test/**/*.test.ts', 'soak/**/*.test.ts'];

/** Files with a process of their own, since they look at, or change, what a whole process has. */
const alone = [
  // memory and time of the process: what another file left to collect would count
  'src/onnxruntime/leak-walk.ort.test.ts',
  'src/native/native-memory.ort.test.ts',
  'src/engine/adapters/memory-given-back.ort.test.ts',
  'test/attacks/attacks.test.ts',
  'test/fuzz/fuzz.test.ts',
  'soak/soak.ort.test.ts',
  // whether promises are followed
  'src/telemetry/traces/trace-scope.test.ts',
  // the first loading of the native library
  'src/onnxruntime/missing-library.ort.test.ts',
  'src/onnxruntime/ffi/library.ort.test.ts',
  'src/onnxruntime/ffi/silence-telemetry.ort.test.ts',
];

/**
 * Left to CI, which sets ESPALIER_SLOW_TESTS: they start dozens of processes, or train or serve for many seconds to show one thing. Of
 * other tests with many cases `crossSection` leaves most to CI. So `npm test` takes about five minutes of two cores.
 */
const slow = [
  // dozens of processes: trainings, git, gpg, ssh
  'soak/training/killed-training.ort.test.ts',
  'src/cli/launch/launched-training.ort.test.ts',
  'src/http/fleet/fleet-crash.test.ts',
  'src/http/fleet/fleet-git.test.ts',
  'src/http/fleet/fleet-openpgp.test.ts',
  'src/http/fleet/fleet-ssh.test.ts',
  'src/jobs/run/training-process.test.ts',
  'test/observability.test.ts',
  // short forms of what a soak does for longer
  'soak/soak.ort.test.ts',
  'src/engine/adapter-swap.ort.test.ts',
  'src/http/rollouts.ort.test.ts',
  // many trainings, or everything measured
  'src/execution/kernels/known-kernels.ort.test.ts',
  'src/train/graph/chunked-loss.ort.test.ts',
  'src/train/graph/gradient-marks.ort.test.ts',
  'src/train/graph/integer-weights.ort.test.ts',
  'src/train/graph/memory-in-use.ort.test.ts',
  'src/train/ranks/overlapped-sums.ort.test.ts',
  'src/train/ranks/training-group.ort.test.ts',
  'test/recompute.ort.test.ts',
  'test/template-of-training.ort.test.ts',
  'test/training-in-code.ort.test.ts',
];
const leftOut = isThorough ? [] : slow;

/** The real ONNX Runtime first, since these files take longest, and a long one that began last would run on alone. */
class NativeFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ project, moduleId }: TestSpecification): number =>
      project.config.isolate ? 0 : moduleId.endsWith('.ort.test.ts') ? 1 : 2;
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

/** The demo imports the package by its name, as any program does; the tests run it on the sources. */
const alias = [
  { find: /^espalier$/, replacement: `${import.meta.dirname}/src/index.ts` },
  { find: /^(?:espalier|#internal)\/([\w-]+)$/, replacement: `${import.meta.dirname}/src/$1/index.ts` },
];

export default defineConfig({
  resolve: { alias },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: NativeFirst },
    setupFiles: ['test/leave-nothing.ts', 'test/told-answers.ts'],
    projects: [
      { extends: true, test: { name: 'alone', include: alone, exclude: [...leftOut, '**/node_modules/**'] } },
      // WHY one process for many files: to start one and to import all anew takes longer than most files' tests.
      // test/leave-nothing.ts fails a file that leaves to the next what it should not.
      {
        extends: true,
        test: { name: 'shared', include: tests, exclude: [...alone, ...leftOut, '**/node_modules/**'], isolate: false },
      },
    ],
  },
});
