// GVariant to JavaScript and back. JS thread only, but for NormalForm().
//
// Reading: b is a boolean; s, o and g are strings; the integers up to 32 bits, h
// and d are numbers; x and t are numbers as long as they are safe integers,
// bigints beyond; ay is a Uint8Array (a copy); v is what it holds; an empty m is
// null; a{s*} is an object; a dictionary with other keys an array of [key, value];
// every other array, and a tuple, an array.
//
// Writing, without a type: boolean b, string s, an integer i within 32 bits and x
// beyond, any other number d, bigint x (t above 2^63-1), Uint8Array ay, string[]
// as, a plain object a{sv} whose undefined properties are left out, an instance of
// the class Variant exactly its bytes. All else is refused, naming its key path.
#pragma once

#include <string>

#include "convert.h"
#include "ptr.h"

namespace ostree {

// What JavaScript gets for a value of type v.
enum class VariantMode {
  kPlain,  // what is in it
  kKeep,   // a Variant, which can be written back byte for byte
};

// libostree's own limit for a metadata object, OSTREE_MAX_METADATA_SIZE, is 10 MiB
// at 2022.7 and 128 MiB later on.
constexpr size_t kMaxVariantBytes = 128 << 20;
// A repository can put 128 million values into 128 MiB; as JS values they would
// end the process for want of memory.
constexpr size_t kMaxVariantValues = 1 << 20;
constexpr size_t kMaxVariantType = 65535;

// A copy in normal form: what is damaged in it reads as zeros and empty strings, and
// what is nested too deeply as (). libostree marks what it loads as trusted, so GLib
// checks none of it: this is for all that comes out of a repository. Any thread.
Shared<GVariant> NormalForm(GVariant* value);

// Throws TOO_LARGE when there are more than kMaxVariantValues in it.
Napi::Value VariantToJs(Napi::Env env, GVariant* value, VariantMode mode = VariantMode::kPlain);

// `name` is what messages call the value: "metadata". The result is in normal form.
Shared<GVariant> VariantFromJs(Napi::Value value, const std::string& name);
// The same, but written as a value of the given type.
Shared<GVariant> VariantFromJs(const GVariantType* type, Napi::Value value, const std::string& name);
// A plain object, or a Variant of that type, as an a{sv}.
Shared<GVariant> MetadataFromJs(Napi::Value value, const std::string& name);

// An instance of the class Variant, holding this value.
Napi::Value NewJsVariant(Napi::Env env, GVariant* value);

// An a{sv} on its way to JavaScript, read as the caller asked: { variants: true } keeps Variants.
struct Metadata {
  Shared<GVariant> value;
  VariantMode mode = VariantMode::kPlain;
};

namespace detail {

template <>
struct Convert<Metadata> {
  static Napi::Value To(Napi::Env env, const Metadata& metadata) {
    return metadata.value ? VariantToJs(env, metadata.value.get(), metadata.mode) : env.Undefined();
  }
};

}  // namespace detail

// The functions behind the class Variant; typings/addon.d.ts says what they take.
Napi::Value VariantClass(const Napi::CallbackInfo& info);
Napi::Value VariantNew(const Napi::CallbackInfo& info);
Napi::Value VariantCheck(const Napi::CallbackInfo& info);
Napi::Value VariantParse(const Napi::CallbackInfo& info);
Napi::Value VariantRead(const Napi::CallbackInfo& info);
Napi::Value VariantPrint(const Napi::CallbackInfo& info);

}  // namespace ostree
