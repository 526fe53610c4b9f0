/** Metadata key on every node, input and initializer that an injection adds; its value is the module's path, or '*' for many. */
export const loraKey = 'espalier.lora';

/** Metadata key beside it: the name of the adapter, where several are told apart. */
export const adapterKey = 'espalier.lora.adapter';

/**
 * Metadata key on the node whose result stands in the place of a module's own: `NODE:INDEX`, the node of the injection that reads
 * the module's result, and at which input. So removal finds the way back, whatever has been renamed meanwhile.
 */
export const replacesKey = 'espalier.lora.replaces';

/** Metadata key on an input that a parameter of the base has become: JSON of what it stands in the place of. */
export const givenKey = 'espalier.lora.given';

/** What is shared by all modules, in the place of a path. */
export const sharedOwner = '*';
