import { EspalierError, graphPlaces } from '../core/index.ts';
import { compileGlob } from './glob.ts';
import type { Repository, RepositoryFile } from './repository.ts';

/** What every model needs beside its weights. Small, and taken whatever `--include` says. */
const companions = [
  './config.json',
  './generation_config.json',
  './adapter_config.json',
  './tokenizer.json',
  './tokenizer_config.json',
  './special_tokens_map.json',
  './added_tokens.json',
  './vocab.json',
  './vocab.txt',
  './merges.txt',
  './tokenizer.model',
  './chat_template.jinja',
  './chat_template.json',
  './modules.json',
  './genai_config.json',
  './*_Pooling/config.json',
];

/** WHY not in folders: what lies there is the same model once more, in the form of another tool. */
const weights = ['./*.safetensors', './*.safetensors.index.json', './adapter_model.safetensors'];
/** The same weights under their authors' own names. */
const duplicates = ['./consolidated*.safetensors'];

/**
 * The files of a repository that are pulled: its configuration and tokenizer, and its weights in safetensors form, or as
 * an ONNX graph where it has no others, or what `include` names instead.
 * @throws EspalierError HUB_NOTHING_TO_PULL when there are no weights of that kind, with what there is
 */
export function wantedFiles(repository: Repository, include: readonly string[] = []): RepositoryFile[] {
  const isCompanion = anyOf(companions);
  const isWeight = include.length > 0 ? anyOf(include) : usualWeights(repository);
  if (!repository.files.some(({ path }) => isWeight(path))) {
    const wanted = include.length > 0 ? `file that fits ${include.join(' or ')}` : 'weights in safetensors form';
    throw new EspalierError('HUB_NOTHING_TO_PULL', { name: repository.name, wanted, files: listing(repository) });
  }
  return repository.files.filter(({ path }) => isWeight(path) || isCompanion(path));
}

/** Safetensors; where there are none, one ONNX graph with the files of its weights. */
function usualWeights({ files }: Repository): (path: string) => boolean {
  const [isDefault, isDuplicate] = [anyOf(weights), anyOf(duplicates)];
  const isWeight = (path: string): boolean => isDefault(path) && !isDuplicate(path);
  if (files.some(({ path }) => isWeight(path))) return isWeight;
  const graph = graphPlaces.find((place) => files.some(({ path }) => path === place));
  return (path) =>
    graph !== undefined && (path === graph || (/^[._]data/.test(path.slice(graph.length)) && path.startsWith(graph)));
}

/** A pattern that begins with './' is for the root of the repository alone. */
function anyOf(patterns: readonly string[]): (path: string) => boolean {
  const tests = patterns.map(compileGlob);
  return (path) => tests.some((test, i) => test(patterns[i]?.startsWith('./') ? `./${path}` : path));
}

function listing({ files }: Repository): string {
  const shown = files.slice(0, 12).map(({ path }) => path);
  const more = files.length - shown.length;
  return shown.length === 0 ? 'no files' : `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
