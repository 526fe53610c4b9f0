import { formatBytes } from '../atomic-files/index.ts';
import { EspalierError } from '../core/index.ts';
import { describeModel, formatHubReference, parseHubReference, type ModelDescription } from '../hub/index.ts';
import { judgeCheckpoint } from '../models/index.ts';
import type { CommandContext } from './command.ts';
import { inspectPath, type Inspection } from './inspect-path.ts';
import { pullWithProgress } from './resolve-hub.ts';

/**
 * Says whether a model of the hub can be used, from its configuration and the index of its weights. If the cache holds the model, its
 * folder is described instead. An adapter, which is small, is downloaded and described.
 * @throws EspalierError HUB_*
 */
export async function inspectHub(text: string, context: CommandContext): Promise<Inspection> {
  const described = await describeModel(parseHubReference(text), { signal: context.signal });
  if ('dir' in described) return inspectPath(described.dir);
  const isAdapter = described.files.some(({ path }) => path === 'adapter_config.json');
  if (described.config === undefined && isAdapter) return inspectPath((await pullWithProgress(text, {}, context)).dir);
  return judgementOf(described);
}

function judgementOf(model: ModelDescription): Inspection {
  const name = formatHubReference(model);
  const weights = model.files.filter(({ path }) => /^model(-\d+-of-\d+)?\.safetensors$/.test(path));
  const judged = judge(model, name);
  const problems = [...judged.problems, ...(weights.length === 0 ? [withoutWeights(model, name)] : [])];
  const bytes = weights.reduce((sum, { size }) => sum + size, 0);
  const answer = {
    kind: 'hub-model',
    model: name,
    commit: model.commit,
    usable: problems.length === 0,
    family: judged.family,
    task: judged.task,
    parameters: judged.parameters,
    weightBytes: bytes,
    problems: problems.map(({ code, message }) => ({ code, message })),
  };
  const verdict = answer.usable ? 'can be used' : 'cannot be used';
  const about = [judged.family, judged.task, judged.parameters?.toLocaleString('en-US').concat(' parameters')];
  return {
    answer,
    text: [
      `${name} ${verdict}`,
      [...about.filter((part) => part !== undefined), `${formatBytes(bytes)} of weights`].join(', '),
      ...problems.map(({ code, message }) => `${code}: ${message}`),
    ].join('\n'),
  };
}

function judge({ config, index }: ModelDescription, name: string): ReturnType<typeof judgeCheckpoint> {
  const nothing = { family: undefined, task: undefined, parameters: undefined };
  if (config === undefined) {
    const advice = 'Pull it with --include, if it is an ONNX model.';
    const found = 'it has no config.json';
    return { ...nothing, problems: [new EspalierError('BASE_NOT_FOUND', { path: name, found, advice })] };
  }
  try {
    return judgeCheckpoint({ json: JSON.parse(config), index: index && JSON.parse(index), name });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const invalid = { path: name, problems: `its JSON cannot be read: ${error.message}` };
    return { ...nothing, problems: [new EspalierError('MODEL_CONFIG_INVALID', invalid)] };
  }
}

function withoutWeights({ files }: ModelDescription, name: string): EspalierError {
  const others = files.map(({ path }) => path).filter((path) => /\.(bin|pt|pth|gguf|safetensors|onnx)$/.test(path));
  const hint = others.length === 0 ? '' : ` It has ${others.slice(0, 5).join(', ')}.`;
  return new EspalierError('MODEL_WEIGHTS_NOT_FOUND', { dir: name, hint });
}
