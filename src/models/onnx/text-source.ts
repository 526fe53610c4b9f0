import type { AnnotationHints } from './annotate-modules.ts';
import type { OnnxSource } from './graph-copy.ts';
import { kvSizes, type BesideFiles, type SizedGraph } from './onnx-config.ts';
import { readInterface } from './read-interface.ts';
import type { TextCopy, TextSource } from './text-copy.ts';

/** The opened file of a text model. */
export interface OpenText {
  readonly source: TextSource;
  /** A copy of its graph for reading. */
  readonly copy: TextCopy;
}

/** The facts from the file of a text model and the files beside it. */
export function textSource(file: OnnxSource, files: BesideFiles): TextSource {
  const roles = readInterface(file);
  const kv = kvSizes(roles, files);
  return { model: file.model, path: file.path, roles, hints: hintsFor(file, files), kv };
}

export function hintsFor({ model }: OnnxSource, files: BesideFiles): AnnotationHints {
  const isGenai = files.isGenai || model.producerName === 'onnxruntime-genai';
  return { isGenai, hasPackedModules: files.config.model_type?.startsWith('phi3') ?? false };
}

export function sizesOf(
  { model, logits, modules }: TextCopy,
  { roles, kv }: TextSource,
  hiddenSize: number | undefined,
): SizedGraph {
  return { graph: model.graph, logits, hiddenSize, modules, states: roles.states.length, kv };
}
