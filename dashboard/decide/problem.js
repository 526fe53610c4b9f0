/** What a refusal means for the person at the page. Pure functions. */

/**
 * @param {{ status: number, code: string | undefined, message: string | undefined }} refusal  status 0: no answer came
 * @returns {{ text: string, wantsKey: boolean }}
 */
export function problemOf({ status, code, message }) {
  const said = message ?? '';
  if (status === 0) {
    return { text: 'The server does not answer. The page tries again by itself.', wantsKey: false };
  }
  if (status === 401) return { text: `${said || 'The server needs a key.'} Enter a key for it.`, wantsKey: true };
  if (code === 'read_key_missing' || code === 'admin_key_missing') {
    return { text: `${said} Enter such a key, or open the page on the server's own machine.`, wantsKey: true };
  }
  if (status === 403)
    return { text: `${said} This key may look, and not act: enter one for administration.`, wantsKey: true };
  if (status === 409 || status === 412) {
    return { text: `${said} It has changed meanwhile: look at it as it is now, and decide again.`, wantsKey: false };
  }
  if (status === 429 || status === 503) return { text: `${said} Try again in a moment.`, wantsKey: false };
  return { text: said || `The server answered with status ${status}.`, wantsKey: false };
}

/** @param {unknown} error @returns {string} */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
