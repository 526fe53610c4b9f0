// Runs the tests of the WebGPU provider: golden cases through the library and the command line, and adapters that change while they serve.
//
//   npm run test:webgpu [-- --short | --all]
//
// It needs a driver for Vulkan (Linux), and fetches nothing. `--short` runs the smallest golden case alone, as .ci/run does. `--all` runs
// every golden case of a decoder, which takes hours on a software driver: most of it is the compilation of shaders. All cases are in one
// process, since what one has compiled serves the next. `WEBGPU_CASES`, a regular expression, takes some of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const howTo =
  "For a driver without a GPU on Debian, run `apt-get install libvulkan1 chromium-common` and set VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json (SwiftShader); a GPU's own Vulkan driver needs nothing but libvulkan1.";

const isShort = process.argv.includes('--short');
const isAll = process.argv.includes('--all');
// WHY: drivers keep sockets and caches in this folder, and some refuse to start without it.
const runtimeFolder = process.env.XDG_RUNTIME_DIR ?? mkdtempSync(join(tmpdir(), 'espalier-runtime-'));
const env = {
  ...process.env,
  XDG_RUNTIME_DIR: runtimeFolder,
  UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '8',
  ...(isShort && { WEBGPU_TESTS: 'short' }),
  ...(isAll && { WEBGPU_TESTS: 'all' }),
};
try {
  process.exitCode = main();
} finally {
  if (process.env.XDG_RUNTIME_DIR === undefined) rmSync(runtimeFolder, { recursive: true, force: true });
}

function main() {
  const looked = spawnSync(process.execPath, ['bin/espalier', 'inspect', '--providers', '--json'], {
    env,
    encoding: 'utf8',
  });
  if (looked.status !== 0) {
    process.stderr.write(looked.stderr);
    return 1;
  }
  const { others } = JSON.parse(looked.stdout);
  const { problem, devices } = others.find(({ provider }) => provider === 'webgpu');
  if (problem !== undefined) {
    process.stderr.write(`No test of WebGPU was run: ${problem}\n${howTo}\n`);
    return 1;
  }
  process.stdout.write(`WebGPU on ${devices.join(', ')}\n`);
  if (isShort)
    process.stdout.write(
      'Left out by --short: every golden case but the smallest, and the long exchange of adapters.\n',
    );
  if (isAll) process.stdout.write('All golden cases of decoders: up to an hour and a half on two processors.\n');
  const words = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/webgpu/vitest.config.ts'];
  return spawnSync(process.execPath, words, { env, stdio: 'inherit' }).status ?? 1;
}
