/**
 * Metadata key on a node whose result counts as a constant where a graph is differentiated: no gradient flows back through it,
 * though it depends on parameters. The value says why, for people.
 */
export const stopGradientKey = 'espalier.stop-gradient';
