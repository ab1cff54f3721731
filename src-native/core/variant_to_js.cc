// Reading: GVariant to JavaScript.
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "failure.h"
#include "variant.h"

namespace ostree {
namespace {

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

Shared<GVariant> Child(GVariant* value, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(value, index));
}

std::string_view Text(GVariant* value) {
  gsize size = 0;
  const char* text = g_variant_get_string(value, &size);
  return {text, size};
}

// As an own property, whatever the key: "__proto__" is a key like any other.
void Define(Napi::Object object, napi_value key, napi_value value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(key, value, napi_default_jsproperty));
}

class Reader {
 public:
  Reader(Napi::Env env, VariantMode mode) : env_(env), mode_(mode) {}

  // Recurses as deeply as GLib lets a value in normal form nest: 128 levels.
  Napi::Value Read(GVariant* value) {
    Reserve(1);
    count_++;
    switch (g_variant_classify(value)) {
      case G_VARIANT_CLASS_BOOLEAN:
        return Napi::Boolean::New(env_, g_variant_get_boolean(value));
      case G_VARIANT_CLASS_BYTE:
        return Number(g_variant_get_byte(value));
      case G_VARIANT_CLASS_INT16:
        return Number(g_variant_get_int16(value));
      case G_VARIANT_CLASS_UINT16:
        return Number(g_variant_get_uint16(value));
      case G_VARIANT_CLASS_INT32:
        return Number(g_variant_get_int32(value));
      case G_VARIANT_CLASS_UINT32:
        return Number(g_variant_get_uint32(value));
      case G_VARIANT_CLASS_HANDLE:
        return Number(g_variant_get_handle(value));
      case G_VARIANT_CLASS_DOUBLE:
        return Number(g_variant_get_double(value));
      case G_VARIANT_CLASS_INT64:
        return Int64(g_variant_get_int64(value));
      case G_VARIANT_CLASS_UINT64:
        return Uint64(g_variant_get_uint64(value));
      case G_VARIANT_CLASS_STRING:
      case G_VARIANT_CLASS_OBJECT_PATH:
      case G_VARIANT_CLASS_SIGNATURE:
        return String(value);
      case G_VARIANT_CLASS_VARIANT:
        return Boxed(Child(value, 0).get());
      case G_VARIANT_CLASS_MAYBE:
        return g_variant_n_children(value) ? Read(Child(value, 0).get()) : env_.Null();
      case G_VARIANT_CLASS_ARRAY:
        return Array(value);
      case G_VARIANT_CLASS_TUPLE:
      case G_VARIANT_CLASS_DICT_ENTRY:
        return List(value);
    }
    throw Failure("CORRUPT", "A variant of an unknown class");
  }

 private:
  Napi::Value Number(double number) { return Napi::Number::New(env_, number); }

  Napi::Value Int64(int64_t number) {
    if (number >= -kMaxSafeInteger && number <= kMaxSafeInteger) return Number(static_cast<double>(number));
    return Napi::BigInt::New(env_, number);
  }

  Napi::Value Uint64(uint64_t number) {
    if (number <= uint64_t{kMaxSafeInteger}) return Number(static_cast<double>(number));
    return Napi::BigInt::New(env_, number);
  }

  Napi::Value String(GVariant* value) {
    auto text = Text(value);
    return Napi::String::New(env_, text.data(), text.size());
  }

  Napi::Value Boxed(GVariant* content) {
    return mode_ == VariantMode::kKeep ? NewJsVariant(env_, content) : Read(content);
  }

  Napi::Value Array(GVariant* value) {
    const GVariantType* element = g_variant_type_element(g_variant_get_type(value));
    if (g_variant_type_equal(element, G_VARIANT_TYPE_BYTE)) return Bytes(value);
    if (!g_variant_type_is_dict_entry(element)) return List(value);
    return g_variant_type_equal(g_variant_type_key(element), G_VARIANT_TYPE_STRING) ? Object(value)
                                                                                    : List(value);
  }

  Napi::Value Bytes(GVariant* value) {
    gsize size = 0;
    const void* data = g_variant_get_fixed_array(value, &size, 1);
    auto bytes = Napi::Uint8Array::New(env_, size);
    if (size) memcpy(bytes.Data(), data, size);
    return bytes;
  }

  Napi::Value List(GVariant* value) {
    gsize size = g_variant_n_children(value);
    Reserve(size);
    auto list = Napi::Array::New(env_, size);
    for (gsize i = 0; i < size; i++) {
      Napi::HandleScope scope(env_);
      list.Set(static_cast<uint32_t>(i), Read(Child(value, i).get()));
    }
    return list;
  }

  // Of two entries with one key the first counts, as for g_variant_lookup_value().
  Napi::Value Object(GVariant* value) {
    gsize size = g_variant_n_children(value);
    Reserve(size);
    auto object = Napi::Object::New(env_);
    std::unordered_set<std::string> seen;
    for (gsize i = 0; i < size; i++) {
      Napi::HandleScope scope(env_);
      auto entry = Child(value, i);
      auto key = Child(entry.get(), 0);
      if (seen.emplace(Text(key.get())).second)
        Define(object, String(key.get()), Read(Child(entry.get(), 1).get()));
    }
    return object;
  }

  void Reserve(size_t values) {
    if (values > kMaxVariantValues - count_)
      throw Failure("TOO_LARGE", "A variant holds more than " + std::to_string(kMaxVariantValues) +
                                     " values, too many to become JavaScript values");
  }

  Napi::Env env_;
  VariantMode mode_;
  size_t count_ = 0;
};

}  // namespace

Shared<GVariant> NormalForm(GVariant* value) {
  gsize size = g_variant_get_size(value);
  // g_variant_store() copes with damage that makes g_variant_get_data_as_bytes() abort.
  void* copy = g_malloc(size);
  g_variant_store(value, copy);
  auto bytes = Shared<GBytes>::Take(g_bytes_new_take(copy, size));
  auto untrusted = Shared<GVariant>::Share(
      g_variant_new_from_bytes(g_variant_get_type(value), bytes.get(), /* trusted */ FALSE));
  return Shared<GVariant>::Take(g_variant_get_normal_form(untrusted.get()));
}

Napi::Value VariantToJs(Napi::Env env, GVariant* value, VariantMode mode) {
  return Reader(env, mode).Read(NormalForm(value).get());
}

}  // namespace ostree
