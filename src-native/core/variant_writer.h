// One conversion of a JavaScript value to a GVariant; of use to variant_*.cc only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "napi.h"
#include "ptr.h"

namespace ostree {

// The way to a value, for messages and to notice cycles. Its nodes live on the stack.
class KeyPath {
 public:
  explicit KeyPath(const std::string& name) : key_(&name) {}
  KeyPath(const KeyPath& parent, const std::string& key) : parent_(&parent), key_(&key) {}
  KeyPath(const KeyPath& parent, uint32_t index) : parent_(&parent), index_(index) {}

  std::string Print() const;  // "metadata.list[3]"
  // Remembers that the value here is this container; true if it lies in itself.
  bool Enter(Napi::Object container);

 private:
  const KeyPath* parent_ = nullptr;
  const std::string* key_ = nullptr;  // null: it is an index
  uint32_t index_ = 0;
  napi_value container_ = nullptr;
};

// What may be wrong with a value; each throws an error that begins with the path.
[[noreturn]] void ThrowWrongType(Napi::Env env, const KeyPath& path, const std::string& why);
[[noreturn]] void ThrowWrongValue(Napi::Env env, const KeyPath& path, const std::string& why);
[[noreturn]] void ThrowOutOfRange(Napi::Env env, const KeyPath& path, const std::string& why);

using Values = std::vector<Shared<GVariant>>;

std::vector<GVariant*> Pointers(const Values& values);
Shared<GVariant> NewArray(const GVariantType* element, const Values& values);

constexpr double kMaxSafeInteger = 9007199254740991;

class VariantWriter {
 public:
  explicit VariantWriter(Napi::Env env);

  // By the rules for values without a type. `depth` counts the containers around it.
  Shared<GVariant> Plain(Napi::Value value, KeyPath& path, size_t depth);
  // As a value of this type.
  Shared<GVariant> Typed(const GVariantType* type, Napi::Value value, KeyPath& path, size_t depth);
  // A type and the bytes of a value of it; bytes that are not in normal form are refused.
  Shared<GVariant> Serialised(const GVariantType* type, Napi::Value bytes, const KeyPath& path);
  // The finished value in serialised form, known to be in normal form.
  Shared<GVariant> Finish(const Shared<GVariant>& tree, const KeyPath& path);

  // UTF-8 without NUL; what cannot be said in it is refused.
  std::string Text(Napi::Value value, const KeyPath& path);
  Owned<GVariantType> Type(Napi::Value value, const KeyPath& path);

 private:
  // variant_from_js.cc
  Shared<GVariant> FromVariant(Napi::Value value, const KeyPath& path);  // null: not an instance
  Shared<GVariant> Object(Napi::Object object, KeyPath& path, size_t depth);
  Shared<GVariant> Strings(Napi::Array array, const KeyPath& path);
  Shared<GVariant> Bytes(Napi::Value value, const KeyPath& path);
  std::vector<std::string> Keys(Napi::Object object, const KeyPath& path);
  Napi::Value Get(Napi::Object object, const std::string& key);
  bool IsPlainObject(Napi::Value value);
  void EnterContainer(Napi::Object container, KeyPath& path, size_t depth);
  void Spend(size_t bytes, const KeyPath& path);

  void Count(const KeyPath& path);

  // variant_typed.cc
  Shared<GVariant> Fitting(const GVariantType* type, const Shared<GVariant>& variant, const KeyPath& path);
  Shared<GVariant> Basic(char type, Napi::Value value, const KeyPath& path);
  GVariant* NewNumber(char type, Napi::Value value, const KeyPath& path);
  GVariant* NewText(char type, const std::string& text, const KeyPath& path);
  Shared<GVariant> Dictionary(const GVariantType* entry, Napi::Object object, KeyPath& path, size_t depth);
  Shared<GVariant> Array(const GVariantType* type, Napi::Value value, KeyPath& path, size_t depth);
  Shared<GVariant> Members(const GVariantType* type, Napi::Value value, KeyPath& path, size_t depth);

  Napi::Env env_;
  Napi::Symbol symbol_;          // Symbol.for('ostree.variant')
  Napi::Function prototype_of_;  // Object.getPrototypeOf: napi_get_prototype() says null for any proxy
  size_t values_ = 0, bytes_ = 0;
};

}  // namespace ostree
