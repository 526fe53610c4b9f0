import OpenAI from 'openai';

/** One answer, read from its stream. */
export interface Answer {
  readonly text: string;
  /** The versions that the chunks named. More than one version would be an error: a mixed answer. */
  readonly versions: ReadonlySet<string>;
  readonly tokens: number;
}

const maxTokens = 60;

export function createClient(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

/** Requests an answer with greedy decoding, so that one version gives one answer to a question. */
export async function ask(
  client: OpenAI,
  model: string,
  question: string,
  { user }: { readonly user?: string } = {},
): Promise<Answer> {
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: question }],
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    ...(user === undefined ? {} : { user }),
    stream_options: { include_usage: true },
  });
  const versions = new Set<string>();
  let text = '';
  let tokens = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.system_fingerprint) versions.add(chunk.system_fingerprint);
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, versions, tokens };
}

/** Replaces a served adapter by one of the folder. */
export async function replaceAdapter(client: OpenAI, name: string, path: string): Promise<string> {
  const body = { lora_name: name, lora_path: path, load_inplace: true };
  const { version } = await client.post<{ version: string }>('/load_lora_adapter', { body });
  return version;
}
