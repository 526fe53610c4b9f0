/** An entry of `GET /v1/models`. `root` and `parent` follow vLLM. */
export interface ModelCard {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: 'espalier';
  readonly root: string;
  readonly parent: string | null;
  /** Content id of the adapter's version: it changes when the adapter is replaced. */
  readonly version?: string;
  readonly max_model_len: number;
}
