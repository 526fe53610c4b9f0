/** Asks two versions the same question, and shows where their answers differ. */
import { adapterPath } from '../api.js';
import { messageOf } from '../decide/problem.js';
import { diffSentence, diffTokens, tokensOf } from '../decide/token-diff.js';
import { fill, h, labelled } from '../elements.js';

/** @typedef {import('../decide/token-diff.js').Token} Token */

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createPlayground({ api, state }) {
  const models = h('datalist', { id: 'models' });
  const field = (/** @type {string} */ name) =>
    h('input', { name, list: 'models', required: true, autocomplete: 'off', spellcheck: 'false' });
  const [left, right] = [field('left'), field('right')];
  const prompt = h('textarea', { name: 'prompt', required: true });
  const form = h(
    'select',
    { name: 'form' },
    h('option', { value: 'chat' }, 'a chat'),
    h('option', { value: 'text' }, 'a text to go on with'),
  );
  const most = h('input', { name: 'tokens', type: 'number', min: 1, max: 512, value: 64 });
  const temperature = h('input', { name: 'temperature', type: 'number', min: 0, max: 2, step: 0.1, value: 0 });
  const submit = h('button', { type: 'submit', class: 'main' }, 'Ask both');
  const stop = h('button', { type: 'button', hidden: true, onclick: () => asking?.abort() }, 'Stop');
  const sentence = h('p', { role: 'status' });
  const answers = h('div', { class: 'two' });
  const details = h('div', {});
  /** @type {AbortController | undefined} */
  let asking;

  const element = h(
    'div',
    {},
    h(
      'form',
      {
        class: 'card',
        onsubmit: (event) => {
          event.preventDefault();
          void askBoth();
        },
      },
      models,
      h(
        'div',
        { class: 'row' },
        labelled('Left: name, or name@version', left, 'grow'),
        labelled('Right: name, or name@version', right, 'grow'),
      ),
      h('div', { class: 'row' }, labelled('Question', prompt, 'grow')),
      h(
        'div',
        { class: 'row' },
        labelled('Send as', form),
        labelled('At most tokens', most),
        labelled('Temperature', temperature),
        h('div', { class: 'buttons' }, submit, stop),
      ),
      h(
        'p',
        { class: 'quiet small' },
        'Both get the same seed. With temperature 0, each takes its likeliest token every time. Tokens that only one of them has are marked; the first difference usually decides what follows.',
      ),
    ),
    sentence,
    answers,
    details,
  );

  async function askBoth() {
    asking?.abort();
    const mine = (asking = new AbortController());
    [submit.disabled, stop.hidden] = [true, false];
    sentence.className = 'quiet';
    sentence.textContent = 'Asking…';
    fill(answers);
    fill(details);
    try {
      const results = await Promise.all([left, right].map(({ value }) => question(value.trim(), mine.signal)));
      if (mine === asking) show(results);
    } catch (error) {
      mine.abort();
      if (mine !== asking) return;
      sentence.className = 'bad';
      sentence.textContent = error instanceof DOMException ? 'Stopped.' : messageOf(error);
    } finally {
      if (mine === asking) [submit.disabled, stop.hidden] = [false, true];
    }
  }

  /** @param {string} model @param {AbortSignal} signal @returns {Promise<any>} */
  function question(model, signal) {
    const shared = { model, max_tokens: Number(most.value), temperature: Number(temperature.value), seed: 1 };
    return form.value === 'chat'
      ? api.send(
          'POST',
          'v1/chat/completions',
          { ...shared, messages: [{ role: 'user', content: prompt.value }], logprobs: true, top_logprobs: 3 },
          { signal },
        )
      : api.send('POST', 'v1/completions', { ...shared, prompt: prompt.value, logprobs: 3 }, { signal });
  }

  /** @param {readonly any[]} results */
  function show(results) {
    const tokens = results.map((result) => tokensOf(result) ?? []);
    const [a = [], b = []] = tokens;
    const diff = diffTokens(a, b);
    sentence.className = '';
    sentence.textContent = diffSentence(diff);
    fill(answers, answerCard(left.value, results[0], a, diff.left), answerCard(right.value, results[1], b, diff.right));
    fill(details, tokenTable(a, b));
  }

  /** The versions of what is named, to choose from. @param {string} name */
  async function suggest(name) {
    if (!state.adapters.some((one) => one.name === name)) return;
    try {
      const { history = [] } = await api.get(adapterPath(name));
      const versions = [
        ...new Set(history.map((/** @type {{ version: string }} */ one) => `${name}@${one.version.slice(0, 12)}`)),
      ];
      for (const value of versions)
        if (![...models.children].some((one) => one.getAttribute('value') === value))
          models.append(h('option', { value }));
    } catch {
      // Names can be chosen without them.
    }
  }
  for (const one of [left, right]) one.addEventListener('change', () => void suggest(one.value.trim()));

  return {
    element,
    show(rest) {
      if (rest === '') return;
      left.value = rest;
      void suggest(rest);
    },
    update() {
      const base = state.looks.at(-1)?.value.base;
      if (right.value === '' && base && document.activeElement !== right) right.value = base;
      const names = [...(base ? [base] : []), ...state.adapters.map(({ name }) => name)];
      const known = new Set([...models.children].map((one) => one.getAttribute('value')));
      for (const value of names) if (!known.has(value)) models.append(h('option', { value }));
    },
    leave: () => asking?.abort(),
  };
}

/** @param {string} asked @param {any} result @param {readonly Token[]} tokens @param {readonly boolean[]} isShared */
function answerCard(asked, result, tokens, isShared) {
  const by = result?.espalier?.adapter ?? result?.model ?? '';
  const version = result?.espalier?.version ? ` @ ${String(result.espalier.version).slice(0, 10)}` : '';
  return h(
    'section',
    { class: 'card', 'aria-label': `Answer of ${asked}` },
    h('h2', {}, asked),
    h('p', { class: 'quiet small mono' }, `answered by ${by}${version} · ${tokens.length} tokens`),
    h(
      'div',
      { class: 'answer' },
      ...tokens.map(({ text, logprob }, at) =>
        h(isShared[at] ? 'span' : 'mark', { title: chance(logprob) }, visible(text)),
      ),
    ),
  );
}

/** A letter that has no shape, such as an end token may be, as one that has. @param {string} text */
function visible(text) {
  return [...text].map((letter) => (letter < ' ' && letter !== '\n' && letter !== '\t' ? '∎' : letter)).join('');
}

/** @param {number | null} logprob */
function chance(logprob) {
  return logprob === null ? '' : `${(Math.exp(logprob) * 100).toFixed(1)} %`;
}

/** @param {readonly Token[]} a @param {readonly Token[]} b */
function tokenTable(a, b) {
  const rows = Array.from({ length: Math.max(a.length, b.length) }, (_, at) => {
    const cells = [a[at], b[at]].flatMap((token) => [
      h('td', { class: 'mono' }, token ? JSON.stringify(token.text) : ''),
      h('td', { class: 'number' }, token ? chance(token.logprob) : ''),
    ]);
    return h('tr', {}, h('td', { class: 'number' }, at + 1), ...cells);
  });
  const heads = ['#', 'Left', 'Probability', 'Right', 'Probability'].map((text, at) =>
    h('th', { scope: 'col', class: at % 2 === 0 ? 'number' : '' }, text),
  );
  return h(
    'details',
    {},
    h('summary', {}, 'Token by token, with probabilities'),
    h(
      'div',
      { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Tokens' },
      h(
        'table',
        {},
        h('caption', {}, 'Tokens of both answers'),
        h('thead', {}, h('tr', {}, ...heads)),
        h('tbody', {}, ...rows),
      ),
    ),
  );
}
