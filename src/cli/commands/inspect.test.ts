import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAdapter, writeAdapter } from '../../adapter-files/index.ts';
import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { tmpdir } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

describe('espalier inspect', () => {
  it.each([
    { path: 'llama/model', kind: 'model', parameters: 26_784 },
    { path: 'llama/adapter', kind: 'adapter', parameters: 4096 },
    { path: 'llama/model/model.safetensors', kind: 'safetensors', parameters: 26_784 },
  ])('tells what lies at $path', async ({ path, kind, parameters }) => {
    const { stdout } = await espalier(['inspect', goldenFolder(path), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind, parameters });
    expect((await espalier(['inspect', goldenFolder(path)])).stdout).toMatch(/q_proj/);
  });

  it.each([
    ['genai-fp32', 'keeps keys and values in place'],
    ['torch-export', 'runs each row anew: exact, and slower'],
  ])('tells how a graph of another tool continues text: %s', async (folder, generation) => {
    const { stdout } = await espalier(['inspect', goldenFolder(`llama-d16/${folder}`), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'model', generation, config: { vocabSize: 128, layers: 2 } });
  });

  it('shows the fingerprint of a base, and that of the base of an adapter', async () => {
    const { stdout } = await espalier(['inspect', goldenFolder('llama/model'), '--json']);
    const { fingerprint } = JSON.parse(stdout) as { fingerprint: string };
    expect(fingerprint).toMatch(/^checkpoint-1:[\da-f]{64}$/);
    const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
    const adapter = await readAdapter(goldenFolder('llama/adapter'));
    await writeAdapter(join(folder, 'peft'), { ...adapter, baseFingerprint: fingerprint }, { format: 'peft' });
    await writeAdapter(join(folder, 'a.bin'), { ...adapter, baseFingerprint: fingerprint }, { format: 'bin' });
    for (const name of ['peft', 'a.bin']) {
      expect((await espalier(['inspect', join(folder, name)])).stdout).toContain(fingerprint);
    }
    const onnx = ['adapter', 'convert', join(folder, 'a.bin'), join(folder, 'a.onnx_adapter')];
    expect((await espalier(onnx)).stderr).toContain('no place for the fingerprint of the base');
    await rm(folder, { recursive: true });
  });

  it('finds the modules of an ONNX file that adapters can go on', async () => {
    const { stdout } = await espalier(['inspect', goldenFolder('cnn/model.onnx'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ modules: [{ path: 'conv1' }, { path: 'conv2' }, { path: 'fc' }] });
    expect((await espalier(['inspect', goldenFolder('cnn/model.onnx')])).stdout).toContain('conv2  conv [12, 8]');
  });

  it('shows how fast this machine multiplies, and keeps that in the cache folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
    vi.stubEnv('XDG_CACHE_HOME', folder);
    const { stdout } = await espalier(['inspect', '--kernels', '--json']);
    const { stdout: text } = await espalier(['inspect', '--kernels']);
    vi.unstubAllEnvs();
    const known = JSON.parse(stdout) as { kind: string; path: string; speeds: { form: string; decode: number }[] };
    expect(known).toMatchObject({ kind: 'kernels', threads: 1 });
    expect(known.path.startsWith(folder)).toBe(true);
    expect(known.speeds).toHaveLength(4);
    for (const { form, decode } of known.speeds) expect(text).toContain(`${form.padEnd(14)}${decode} in decode steps`);
    await rm(folder, { recursive: true });
  });

  it.each([[[]], [['--kernels', 'demo/base']]])(
    'takes one of a path, --kernels and --providers, not %j',
    async (words) => {
      expect((await espalier(['inspect', ...words])).stderr).toContain('a path, --kernels or --providers');
    },
  );

  it('says what it can show where it can show nothing', async () => {
    const { exitCode, stderr } = await espalier(['inspect', tmpdir()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('CLI_NOT_INSPECTABLE');
  });

  it('tells what an ONNX graph computes, with shapes that the file does not say', async () => {
    const model = createModel({ graphName: 'product' });
    const x = model.graph.addInput('x', 'float32', ['batch', 3]);
    const tape = new Tape(model);
    const weight = tape.constant(tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]), 'weight');
    model.graph.addOutput(tape.op('Relu', [tape.op('MatMul', [x, weight])], { outputName: 'y' }));
    const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
    const path = join(folder, 'model.onnx');
    await writeFile(path, encodeModel(model));
    const { stdout } = await espalier(['inspect', path, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'graph', operators: { MatMul: 1, Relu: 1 } });
    expect((await espalier(['inspect', path])).stdout).toContain('%y: f32[batch, 2] = Relu(');
    await rm(folder, { recursive: true });
  });
});
