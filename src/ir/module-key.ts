/**
 * Metadata key with which a graph builder names the Hugging Face module that a node computes. Adapters find their targets
 * by it, and a printed graph shows it.
 */
export const moduleKey = 'espalier.module';
