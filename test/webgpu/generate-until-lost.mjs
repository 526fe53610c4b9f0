// Generates with a model on WebGPU, loses the device, and tries again: the program of lost-device.webgpu.ts. Prints what came of each as JSON.
import { writeFileSync } from 'node:fs';
import { loadModel } from '../../dist/index.js';

const model = await loadModel(process.argv[2], { provider: 'webgpu', threads: 1 });
const ask = async () => {
  try {
    const { tokens } = await model.generate({ prompt: [1, 17, 9, 4], maxTokens: 2, temperature: 0 });
    return { tokens };
  } catch (error) {
    return { code: error.code, cause: error.cause?.code, message: error.message };
  }
};
const answers = [await ask()];
writeFileSync(process.env.LOSING_DRIVER_WHEN, '');
answers.push(await ask(), await ask());
await model.dispose();
process.stdout.write(JSON.stringify(answers));
