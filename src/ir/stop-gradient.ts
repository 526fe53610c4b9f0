/**
 * Metadata key of a node whose result is a constant for differentiation: no gradient flows back through it, even if it depends on
 * parameters. The value gives the reason to human readers.
 */
export const stopGradientKey = 'espalier.stop-gradient';
