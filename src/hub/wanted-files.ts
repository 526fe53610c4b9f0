import { EspalierError, graphPlaces } from '../core/index.ts';
import { compileGlob } from './glob.ts';
import type { Repository, RepositoryFile } from './repository.ts';

/** Files that every model needs beside its weights. They are small and are downloaded with any `--include`. */
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
  './additional_chat_templates/*.jinja',
  './modules.json',
  './genai_config.json',
  './config_sentence_transformers.json',
  './*_Pooling/config.json',
  './*_Dense/config.json',
  './*_Dense/model.safetensors',
];

/** WHY in the root folder only: subfolders repeat the same weights in the formats of other tools. */
const weights = ['./*.safetensors', './*.safetensors.index.json', './adapter_model.safetensors'];
/** The same weights, named as the authors' own tools name them. */
const duplicates = ['./consolidated*.safetensors'];

/**
 * The files of a repository to download: configuration, tokenizer and weights. The weights are the files that `include`
 * matches; by default the safetensors files, or one ONNX graph if there are none.
 * @throws EspalierError HUB_NOTHING_TO_PULL when there are no such weights; the error lists the files of the repository
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

/** Matches the safetensors files. Without any, matches one ONNX graph and the files of its external data. */
function usualWeights({ files }: Repository): (path: string) => boolean {
  const [isDefault, isDuplicate] = [anyOf(weights), anyOf(duplicates)];
  const isWeight = (path: string): boolean => isDefault(path) && !isDuplicate(path);
  if (files.some(({ path }) => isWeight(path))) return isWeight;
  const graph = graphPlaces.find((place) => files.some(({ path }) => path === place));
  return (path) =>
    graph !== undefined && (path === graph || (/^[._]data/.test(path.slice(graph.length)) && path.startsWith(graph)));
}

/** A pattern that begins with './' matches only in the root of the repository. */
function anyOf(patterns: readonly string[]): (path: string) => boolean {
  const tests = patterns.map(compileGlob);
  return (path) => tests.some((test, i) => test(patterns[i]?.startsWith('./') ? `./${path}` : path));
}

function listing({ files }: Repository): string {
  const shown = files.slice(0, 12).map(({ path }) => path);
  const more = files.length - shown.length;
  return shown.length === 0 ? 'no files' : `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
