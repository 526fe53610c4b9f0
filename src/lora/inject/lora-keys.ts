/** Metadata key on every node, input and initializer that an injection adds; its value is the module's path, or '*' for many. */
export const loraKey = 'espalier.lora';

/** Metadata key beside it: the name of the adapter, if a graph has several. */
export const adapterKey = 'espalier.lora.adapter';

/** The owner of values that all modules share, instead of a path. */
export const sharedOwner = '*';
