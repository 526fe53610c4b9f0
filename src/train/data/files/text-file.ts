import type { FileHandle } from 'node:fs/promises';
import { EspalierError } from '../../../core/index.ts';
import type { RowPlace } from '../row.ts';
import { parseJson, type DataFile, type RowAddress, type StoredRow } from './data-file.ts';
import { readBytes } from './file-bytes.ts';
import { decodeRow, isBlank, splitLines, splitList, type RowBytes } from './split-rows.ts';

interface TextRow extends StoredRow, RowAddress {}

export type TextForm = 'lines' | 'list';

/** JSON in lines or in a list, of which each row is read again where it lies. */
export class TextFile implements DataFile<TextRow> {
  readonly path: string;
  readonly unit: RowPlace['unit'];
  readonly #handle: FileHandle;
  readonly #stamp: string;
  readonly #form: TextForm;

  constructor(path: string, handle: FileHandle, { stamp, form }: { readonly stamp: string; readonly form: TextForm }) {
    this.path = path;
    this.#handle = handle;
    this.#stamp = stamp;
    this.#form = form;
    this.unit = unitOf(form);
  }

  async *rows(): AsyncGenerator<TextRow> {
    const chunks = readBytes(this.#handle, this.path);
    for await (const row of jsonRows(chunks, this.path, this.#form)) {
      yield { ...row, start: row.bytes.start, length: row.bytes.bytes.length };
    }
  }

  async keep({ start, length }: TextRow): Promise<RowAddress> {
    return { start, length };
  }

  async readAgain({ start, length }: RowAddress, place: RowPlace): Promise<unknown> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, start + done);
      if (bytesRead === 0) throw changed(this.path);
      done += bytesRead;
    }
    return parseJson(decodeRow(bytes, place), place);
  }

  async assertUnchanged(): Promise<void> {
    if ((await stampOf(this.#handle)) !== this.#stamp) throw changed(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

export function unitOf(form: TextForm): RowPlace['unit'] {
  return form === 'lines' ? 'line' : 'row';
}

/** The rows of a text, without blank lines. */
export async function* jsonRows(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  form: TextForm,
): AsyncGenerator<StoredRow & { readonly bytes: RowBytes }> {
  const split = form === 'lines' ? splitLines : splitList;
  for await (const bytes of split(chunks, path)) {
    if (form === 'lines' && isBlank(bytes.bytes)) continue;
    const place = { path, unit: unitOf(form), line: bytes.number } as const;
    yield { parse: () => parseJson(decodeRow(bytes.bytes, place), place), place, bytes };
  }
}

/** Changes whenever a file is written to. */
export async function stampOf(handle: FileHandle): Promise<string> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return `${size} ${mtimeNs}`;
}

export function changed(path: string): EspalierError {
  return new EspalierError('DATA_CHANGED', { path });
}
