#include "dynamic.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>
#include <string_view>
#include <type_traits>

namespace ostree {
namespace {

// The object that has libostree's functions. It stays loaded, as the addon is linked to it.
void* Libostree() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(ostree_check_version), &info)) return nullptr;
  return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

// The entries of an object's dynamic section hold addresses, or offsets where the loader leaves them alone.
const char* Resolve(const link_map& object, ElfW(Addr) address) {
  return reinterpret_cast<const char*>(address < object.l_addr ? object.l_addr + address : address);
}

}  // namespace

namespace detail {

void* FindInLibostree(const char* name) {
  void* library = Libostree();
  return library ? dlsym(library, name) : nullptr;
}

void ThrowMissing(const char* name, const char* since) {
  throw Failure("NOT_SUPPORTED",
                std::string(name) + " needs libostree " + since + " or later; this is " + LibraryVersion());
}

}  // namespace detail

const DynamicTable& Dynamic() {
  static const DynamicTable table;
  static_assert(std::is_trivially_destructible_v<DynamicTable>);
  return table;
}

// No function tells the version; ostree_check_version() says whether it is at least one.
std::string LibraryVersion() {
  guint year = 2022, release = 0;
  while (ostree_check_version(year + 1, 0)) year++;
  while (ostree_check_version(year, release + 1)) release++;
  return std::to_string(year) + "." + std::to_string(release);
}

std::optional<bool> LibostreeNeeds(const char* prefix) {
  link_map* object = nullptr;
  void* library = Libostree();
  if (!library || dlinfo(library, RTLD_DI_LINKMAP, &object) != 0 || !strstr(object->l_name, "libostree-1"))
    return std::nullopt;
  const char* names = nullptr;
  for (auto* entry = object->l_ld; entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_STRTAB) names = Resolve(*object, entry->d_un.d_ptr);
  if (!names) return std::nullopt;
  for (auto* entry = object->l_ld; entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_NEEDED && std::string_view(names + entry->d_un.d_val).starts_with(prefix))
      return true;
  return false;
}

}  // namespace ostree
