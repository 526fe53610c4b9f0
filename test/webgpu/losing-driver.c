/*
 * A Vulkan driver for tests: it hands everything to another driver, and loses the device when a file appears.
 *
 *   LOSING_DRIVER_OF    the library of the other driver
 *   LOSING_DRIVER_WHEN  the file; while it exists, submissions give VK_ERROR_DEVICE_LOST
 *
 * Build: cc -shared -fPIC -o losing-driver.so losing-driver.c -ldl (test/webgpu/lost-device.webgpu.ts does it)
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*function)(void);
typedef function (*finder)(void *, const char *);
typedef int32_t (*submission)(void *, uint32_t, const void *, uint64_t);

static const int32_t device_lost = -4; /* VK_ERROR_DEVICE_LOST */

static submission submit, submit2;
static finder find_of_device;

static function real(const char *name) {
  static void *library;
  if (library == NULL) library = dlopen(getenv("LOSING_DRIVER_OF"), RTLD_NOW);
  return library == NULL ? NULL : (function)dlsym(library, name);
}

static int is_lost(void) {
  const char *file = getenv("LOSING_DRIVER_WHEN");
  return file != NULL && access(file, F_OK) == 0;
}

static int32_t losing_submit(void *queue, uint32_t count, const void *infos, uint64_t fence) {
  return is_lost() ? device_lost : submit(queue, count, infos, fence);
}

static int32_t losing_submit2(void *queue, uint32_t count, const void *infos, uint64_t fence) {
  return is_lost() ? device_lost : submit2(queue, count, infos, fence);
}

static function find(void *device, const char *name);

/* Takes the place of the functions that submit work. */
static function replaced(const char *name, function found) {
  if (found == NULL) return NULL;
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
    find_of_device = (finder)found;
    return (function)find;
  }
  if (strcmp(name, "vkQueueSubmit") == 0) {
    submit = (submission)found;
    return (function)losing_submit;
  }
  if (strcmp(name, "vkQueueSubmit2") == 0 || strcmp(name, "vkQueueSubmit2KHR") == 0) {
    submit2 = (submission)found;
    return (function)losing_submit2;
  }
  return found;
}

static function find(void *device, const char *name) { return replaced(name, find_of_device(device, name)); }

function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  finder found = (finder)real("vk_icdGetInstanceProcAddr");
  return found == NULL ? NULL : replaced(name, found(instance, name));
}

function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  finder found = (finder)real("vk_icdGetPhysicalDeviceProcAddr");
  return found == NULL ? NULL : found(instance, name);
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  int32_t (*found)(uint32_t *) = (int32_t(*)(uint32_t *))real("vk_icdNegotiateLoaderICDInterfaceVersion");
  return found == NULL ? -3 : found(version); /* VK_ERROR_INITIALIZATION_FAILED */
}
