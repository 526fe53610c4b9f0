/** The roll-outs with what they judge by, and what a person can decide. */
import { adapterPath } from '../api.js';
import { formatCount, formatDuration, formatShare, shortVersion, timeOfDay } from '../decide/format.js';
import { lineChart } from '../charts.js';
import { adapterLink, ask, empty, facts, fill, h, tag } from '../elements.js';

/** @typedef {import('../api.js').Rollout} Rollout */

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createRollouts(page) {
  const { state } = page;
  const element = h('div', {});
  /** @type {Map<string, ReturnType<typeof createCard>>} */
  const cards = new Map();

  return {
    element,
    update() {
      if (!state.isLoaded) return;
      const rollouts = [...(state.rollouts ?? [])].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
      if (rollouts.length === 0) {
        cards.clear();
        fill(element, howToBegin(state.rollouts === undefined));
        return;
      }
      const ids = new Set(rollouts.map(({ id }) => id));
      for (const [id, card] of cards) {
        if (!ids.has(id)) {
          card.element.remove();
          cards.delete(id);
        }
      }
      if (cards.size === 0) fill(element);
      rollouts.forEach((rollout, at) => {
        const card = cards.get(rollout.id) ?? createCard(page, rollout);
        cards.set(rollout.id, card);
        if (element.children[at] !== card.element) element.insertBefore(card.element, element.children[at] ?? null);
        card.update(rollout);
      });
    },
  };
}

/** Those that run come first. @param {Rollout} rollout */
function rank({ phase }) {
  return phase === 'running' ? 0 : phase === 'paused' ? 1 : 2;
}

/** @param {boolean} isMissing */
function howToBegin(isMissing) {
  return isMissing
    ? empty('This server has no roll-outs', 'Roll-outs are for the adapters of a base that generates text.')
    : empty(
        'No roll-outs',
        'A roll-out brings a new version of a name into service by steps, and takes it back if it is worse. With this option, every new version of a served name is rolled out:',
        'espalier serve BASE --store STORE --rollout progressive\n\n# or one version, by its digest:\nespalier rollout start NAME VERSION --server ' +
          location.origin,
      );
}

/** @param {import('../main.js').Page} page @param {Rollout} first */
function createCard({ api, act }, first) {
  const { name } = first;
  let rollout = first;
  /** @type {import('../api.js').EvidencePoint[]} */
  let points = [];
  let seen = '';
  const head = h('div', {});
  const charts = h('div', { class: 'two' });
  const verdict = h('p', { role: 'status' });
  const buttons = {
    promote: command(
      'promote',
      'Promote',
      'main',
      () =>
        `Every request for ${name} gets the candidate, ${shortVersion(rollout.candidate)}, whatever the evidence says.`,
    ),
    pause: command(
      'pause',
      'Pause',
      '',
      () => 'The share stays as it is, and nothing is compared, until the roll-out is resumed.',
    ),
    resume: command('resume', 'Resume', '', () => 'The step goes on with the evidence that it has.'),
    abort: command(
      'abort',
      'Abort',
      'danger',
      () => `Every request for ${name} gets the stable version, ${shortVersion(rollout.stable)}, again.`,
    ),
  };
  const element = h(
    'section',
    { class: 'card', 'aria-label': `Roll-out of ${name}` },
    head,
    verdict,
    charts,
    h('div', { class: 'buttons' }, ...Object.values(buttons)),
  );

  /** @param {string} action @param {string} text @param {string} kind @param {() => string} meaning */
  function command(action, text, kind, meaning) {
    const decide = async () => {
      const reason = await ask({ title: `${text} the roll-out of ${name}?`, text: meaning(), action: text });
      if (reason === undefined) return;
      const body = { action, ...(reason === '' ? {} : { reason }) };
      await act(() => api.send('PATCH', adapterPath(name, '/rollout'), body), `${name}: ${action} is done.`);
    };
    return h('button', { type: 'button', class: kind, onclick: () => void decide() }, text);
  }

  async function loadPoints() {
    try {
      const found = await api.get(adapterPath(name, '/rollout/evidence'));
      if (found.rollout === rollout.id) points = found.data;
    } catch {
      points = [];
    }
    fill(charts, ...evidenceCharts(rollout, points));
  }

  return {
    element,
    /** @param {Rollout} next */
    update(next) {
      rollout = next;
      const isOver = next.phase !== 'running' && next.phase !== 'paused';
      for (const one of [buttons.promote, buttons.abort]) one.hidden = isOver;
      buttons.pause.hidden = next.phase !== 'running';
      buttons.resume.hidden = next.phase !== 'paused';
      const now = JSON.stringify(next);
      if (now === seen) return;
      seen = now;
      fill(head, ...headOf(next));
      const text = verdictOf(next);
      if (verdict.textContent !== text) verdict.textContent = text;
      verdict.className = next.phase === 'failed' ? 'bad' : 'quiet';
      void loadPoints();
    },
  };
}

/** @param {Rollout} rollout */
function headOf({
  name,
  phase,
  stable,
  candidate,
  steps,
  step,
  candidate_calls: candidateCalls,
  stable_calls: stableCalls,
  mirrored,
  step_ms: ms,
}) {
  const kind = phase === 'failed' ? 'bad' : phase === 'running' || phase === 'promoted' ? 'on' : '';
  return [
    h('h2', {}, adapterLink(name), ' ', tag(phase, kind)),
    h('p', { class: 'quiet mono' }, `${shortVersion(stable)} → ${shortVersion(candidate)}`),
    h(
      'ol',
      { class: 'steps' },
      ...steps.map((one, at) =>
        h(
          'li',
          {
            class: at < step || phase === 'promoted' ? 'done' : '',
            'aria-current': at === step && phase !== 'promoted' ? 'step' : undefined,
          },
          stepText(one),
        ),
      ),
    ),
    facts(
      [
        ['In this step', formatDuration(ms)],
        ['Compared', formatCount(mirrored.requests)],
        ['Calls of the candidate', formatCount(candidateCalls.calls)],
        ['Failed', formatShare(candidateCalls.calls === 0 ? null : candidateCalls.failures / candidateCalls.calls)],
        ['Failed, stable', formatShare(stableCalls.calls === 0 ? null : stableCalls.failures / stableCalls.calls)],
      ],
      'figures',
    ),
  ];
}

/** @param {Record<string, number>} step */
function stepText({ mirror = 0, share = 0 }) {
  return share === 0 ? `shadow ${Math.round(mirror * 100)} %` : `${Math.round(share * 100)} % of keys`;
}

/** @param {Rollout} rollout */
function verdictOf({ phase, reason, step, steps, candidate_calls: { calls } }) {
  if (phase === 'running') {
    const needed = steps[step]?.['minimum_samples'] ?? 0;
    return calls < needed
      ? `No verdict yet: the step needs ${needed - calls} more calls.`
      : 'No verdict yet: what is seen leaves it open.';
  }
  return `${{ paused: 'Paused', promoted: 'Promoted', failed: 'Rolled back', aborted: 'Aborted' }[phase]}: ${reason ?? ''}`;
}

/** @param {Rollout} rollout @param {readonly import('../api.js').EvidencePoint[]} points */
function evidenceCharts({ limits, noise, step }, points) {
  const own = points.filter((point) => point.step === step && point.requests > 0);
  const line = (/** @type {'divergence' | 'agreement'} */ what) => [
    { name: '', points: own.map((point) => ({ x: Date.parse(point.time), y: point[what] ?? 0 })) },
  ];
  const band = (/** @type {'divergence_interval' | 'agreement_interval'} */ what) =>
    own.flatMap((point) => (point[what] ? [{ x: Date.parse(point.time), ...point[what] }] : []));
  const divergence = limits['divergence'] ?? 0;
  const agreement = limits['agreement'] ?? 0;
  return [
    lineChart({
      title: 'KL divergence, mean so far and where it lies with 95 %, nats',
      lines: line('divergence'),
      band: band('divergence_interval'),
      format: (value) => (value < 10 ? value.toFixed(3) : value.toFixed(1)),
      formatX: timeOfDay,
      least: 0,
      limit: { value: divergence + (noise['divergence'] ?? 0), name: 'limit' },
    }),
    lineChart({
      title: 'Agreement, mean so far and where it lies with 95 %',
      lines: line('agreement'),
      band: band('agreement_interval'),
      format: formatShare,
      formatX: timeOfDay,
      least: 0,
      most: 1,
      limit: { value: agreement * (noise['agreement'] ?? 1), name: 'limit' },
    }),
  ];
}
