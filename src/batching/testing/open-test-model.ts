import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel, type Model } from '../../ir/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import type { InferenceModel } from '../inference-model.ts';
import { SharedArenas } from '../memory/shared-arenas.ts';
import { openInferenceModel, type InferenceModelOptions } from '../open-inference-model.ts';

/** A folder, an environment and arenas for one test; `close` fails where a native handle is left. */
export class Bench {
  readonly environment: Environment;
  readonly arenas = new SharedArenas();
  readonly folder: string;
  readonly #opened: InferenceModel[] = [];

  static async open(): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'espalier-')));
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.environment = openEnvironment({ threads: 1 });
  }

  async write(model: Model, name = model.graph.name): Promise<string> {
    const path = join(this.folder, `${name}.onnx`);
    await writeFile(path, encodeModel(model));
    return path;
  }

  async serve(model: Model, options: Partial<InferenceModelOptions> = {}): Promise<InferenceModel> {
    const { environment, arenas } = this;
    const path = await this.write(model);
    const opened = await openInferenceModel(path, { name: model.graph.name, environment, arenas, ...options });
    this.#opened.push(opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const model of this.#opened) await model.dispose();
    this.arenas.dispose();
    this.environment.dispose();
    await rm(this.folder, { recursive: true });
    const alive = JSON.stringify(liveHandles());
    if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
  }
}
