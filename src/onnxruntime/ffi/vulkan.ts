import koffi, { type LibraryHandle } from 'koffi';
import { loadNative, NativeMemory, pointer } from '../../native/index.ts';

/** VkPhysicalDeviceType, by value. */
const kinds = ['other', 'integrated', 'discrete', 'virtual', 'software'] as const;

/** A device that the system's Vulkan drivers show. */
export interface VulkanDevice {
  readonly name: string;
  /** `software` is a driver that computes on the CPU. */
  readonly kind: (typeof kinds)[number];
}

const fileNames: Readonly<Record<string, string>> = { linux: 'libvulkan.so.1', win32: 'vulkan-1.dll' };

/** VkInstanceCreateInfo is 64 bytes, VkPhysicalDeviceProperties 824: room enough for later versions. */
const [createInfoBytes, propertiesBytes] = [64, 2048];

/** Where the type and the name are within VkPhysicalDeviceProperties. */
const places = { type: 16, name: 20, nameBytes: 256 } as const;

const mostDevices = 32;

/**
 * The devices of the system's Vulkan drivers.
 * @returns a reason, in words, where there is no Vulkan
 */
export function vulkanDevices(): readonly VulkanDevice[] | string {
  const fileName = fileNames[process.platform];
  if (fileName === undefined) return `on ${process.platform} devices are not found through Vulkan`;
  let library: LibraryHandle;
  try {
    library = loadNative(fileName);
  } catch {
    return `there is no Vulkan loader (${fileName})`;
  }
  return devicesOf(library);
}

function devicesOf(library: LibraryHandle): readonly VulkanDevice[] | string {
  const create = library.func('vkCreateInstance', 'int', ['void *', 'void *', 'void *']);
  const destroy = library.func('vkDestroyInstance', 'void', ['void *', 'void *']);
  const enumerate = library.func('vkEnumeratePhysicalDevices', 'int', ['void *', 'void *', 'void *']);
  const describe = library.func('vkGetPhysicalDeviceProperties', 'void', ['void *', 'void *']);
  using info = NativeMemory.allocate(createInfoBytes);
  using result = NativeMemory.allocate(8);
  const instanceCreateInfo = 1;
  info.int32()[0] = instanceCreateInfo;
  if (create(info[pointer], null, result[pointer]) !== 0) return 'Vulkan finds no driver';
  const instance = BigInt.asUintN(64, result.bigInt64()[0] ?? 0n);
  try {
    using count = NativeMemory.allocate(4);
    using devices = NativeMemory.allocate(mostDevices * 8);
    count.int32()[0] = mostDevices;
    enumerate(instance, count[pointer], devices[pointer]);
    using properties = NativeMemory.allocate(propertiesBytes);
    return Array.from(devices.bigInt64(0, count.int32()[0] ?? 0), (device) => {
      describe(BigInt.asUintN(64, device), properties[pointer]);
      const name = koffi.decode.string(properties[pointer] + BigInt(places.name));
      return { name, kind: kinds[properties.int32(places.type, 1)[0] ?? 0] ?? 'other' };
    });
  } finally {
    destroy(instance, null);
  }
}
