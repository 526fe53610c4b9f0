/** Metadata key on every node, input and initializer that an injection adds; its value is the module's path, or '*' for many. */
export const loraKey = 'espalier.lora';

/** Metadata key beside it: the name of the adapter, if a graph has several. */
export const adapterKey = 'espalier.lora.adapter';

/**
 * Metadata key on the node whose result replaces a module's own: `NODE:INDEX`, the node of the injection that reads the module's
 * result, and the index of its input. Removal can so restore the graph, even after renames.
 */
export const replacesKey = 'espalier.lora.replaces';

/** Metadata key on an input that replaces a parameter of the base: JSON of the values that it replaces. */
export const givenKey = 'espalier.lora.given';

/** The owner of values that all modules share, instead of a path. */
export const sharedOwner = '*';
