import { formatBytes } from '../atomic-files/index.ts';
import { EspalierError } from '../core/index.ts';
import { describeModel, formatHubReference, parseHubReference, type ModelDescription } from '../hub/index.ts';
import { judgeCheckpoint, judgeGguf, parsePythonJson, type Judgement } from '../models/index.ts';
import type { CommandContext } from './command.ts';
import { inspectPath, type Inspection } from './inspect-path.ts';
import { pullWithProgress } from './resolve-hub.ts';

/**
 * Says whether a model of the hub can be used, from its configuration and the index of its weights, or from the header of a GGUF file. If the cache holds the model, its
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

async function judgementOf(model: ModelDescription): Promise<Inspection> {
  const name = formatHubReference(model);
  const gguf = ggufOf(model);
  const weights = gguf?.files ?? model.files.filter(({ path }) => checkpointName.test(path));
  const judged = gguf ? await judgeFile(model, gguf) : judge(model, name);
  const problems = [...judged.problems, ...(weights.length === 0 ? [withoutWeights(model, name)] : [])];
  const bytes = weights.reduce((sum, { size }) => sum + size, 0);
  const answer = {
    kind: 'hub-model',
    model: name,
    commit: model.commit,
    ...(gguf && { file: gguf.path, others: gguf.others }),
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
      gguf ? `${gguf.path} of ${name} ${verdict}` : `${name} ${verdict}`,
      [...about.filter((part) => part !== undefined), `${formatBytes(bytes)} of weights`].join(', '),
      ...(gguf ? [`It is chosen with: espalier pull ${name} --include '${gguf.include}'`] : []),
      ...(gguf && gguf.others.length > 0 ? [`Others, which were not read: ${gguf.others.join(', ')}`] : []),
      ...problems.map(({ code, message }) => `${code}: ${message}`),
    ].join('\n'),
  };
}

const checkpointName = /^model(-\d+-of-\d+)?\.safetensors$/;
/** The first part of a split model, or a whole one, without projectors of images and matrices of importance. */
const ggufName = /^(?!.*(mmproj|imatrix))[^/]*?(?<part>-00001-of-\d{5})?\.gguf$/i;

interface ChosenGguf {
  readonly path: string;
  readonly isPart: boolean;
  /** All files of the model. */
  readonly files: ModelDescription['files'];
  /** A pattern that matches them. */
  readonly include: string;
  /** Other models in the repository. */
  readonly others: readonly string[];
}

/** Files of these kinds are looked at first: they are blocks that are read as they lie, and what most people download. */
const preferred = ['Q8_0', 'Q4_K_M', 'Q6_K', 'Q4_0', 'F16', 'BF16'];

/** The GGUF file by which a repository without a checkpoint is judged. All of its files hold the same model. */
function ggufOf({ files }: ModelDescription): ChosenGguf | undefined {
  if (files.some(({ path }) => checkpointName.test(path))) return undefined;
  const models = files.filter(({ path }) => ggufName.test(path) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(path));
  const rank = ({ path }: { readonly path: string }): number => {
    const at = preferred.findIndex((kind) => path.toUpperCase().includes(kind));
    return at === -1 ? preferred.length : at;
  };
  const [chosen, ...others] = models.sort((a, b) => rank(a) - rank(b) || a.size - b.size);
  if (chosen === undefined) return undefined;
  const isPart = ggufName.exec(chosen.path)?.groups?.['part'] !== undefined;
  const stem = chosen.path.replace(/-00001-of-\d{5}\.gguf$/i, '');
  return {
    path: chosen.path,
    isPart,
    files: isPart ? files.filter(({ path }) => path.startsWith(`${stem}-`)) : [chosen],
    include: isPart ? `${stem}-*.gguf` : chosen.path,
    others: others.map(({ path }) => path),
  };
}

function judgeFile({ files, readPart }: ModelDescription, { path, isPart }: ChosenGguf): Promise<Judgement> {
  const size = files.find((file) => file.path === path)?.size ?? 0;
  let head = new Uint8Array();
  // A header is read from its beginning again when it turns out to be longer. What was read is kept.
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset > 0) return readPart({ path, offset, length });
    if (length > head.length) {
      const more = await readPart({ path, offset: head.length, length: length - head.length });
      head = new Uint8Array(Buffer.concat([head, more]));
    }
    return head.subarray(0, length);
  };
  return judgeGguf({ path, size, read, isPart });
}

function judge({ config, index, modules, pooling }: ModelDescription, name: string): Judgement {
  const nothing = { family: undefined, task: undefined, parameters: undefined };
  if (config === undefined) {
    const advice = 'Pull it with --include, if it is an ONNX model.';
    const found = 'it has no config.json';
    return { ...nothing, problems: [new EspalierError('BASE_NOT_FOUND', { path: name, found, advice })] };
  }
  const parsed = (text: string | undefined): unknown => (text === undefined ? undefined : parsePythonJson(text));
  try {
    const ofPooling = new Map([...pooling].map(([path, text]) => [path, parsed(text)]));
    const [json, ofIndex, ofModules] = [config, index, modules].map(parsed);
    return judgeCheckpoint({ json, index: ofIndex, name, modules: ofModules, pooling: ofPooling });
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
