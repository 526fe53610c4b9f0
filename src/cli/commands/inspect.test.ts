import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
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

  it('says what it can show where it can show nothing', async () => {
    const { exitCode, stderr } = await espalier(['inspect', tmpdir()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('CLI_NOT_INSPECTABLE');
  });
});
